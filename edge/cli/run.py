"""`mien run`: the daemon."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from edge.cli import config_file as config
from edge.cli import options
from edge.cli.duration import Seconds
from edge.cli.signals import Signals, handling
from edge.errors import MienError
from edge.service.daemon import Daemon
from edge.service.heartbeat import Heartbeat
from edge.service.settings import RunSettings
from edge.sinks import SINKS
from edge.sources import SOURCES
from edge.system import logs as log
from edge.system.atomic_files import check_writable, write_json
from edge.types import Frame

logger = logging.getLogger(__name__)
_ARGUMENTS = "edge.cli.run.arguments"
_DEFAULT = RunSettings()


class _Command(click.Command):
    """Keeps what it was called with, so that its options can be read again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


@click.command(cls=_Command)
@click.option("--source", default=_DEFAULT.source, show_default=True, metavar="SOURCE", help=f"{SOURCES}.")
@options.model
@options.detector
@options.cadence
@click.option(
    "--target-fps",
    type=click.FloatRange(0.1, 1000),
    metavar="F",
    help="Look more seldom, and at smaller pictures, until so many frames a second could be processed.",
)
@click.option(
    "--max-cpu",
    type=click.FloatRange(1, 10_000),
    metavar="PERCENT",
    help="The same until no more of one core is needed (200 is two cores); of live sources, at last leave frames out.",
)
@click.option(
    "--sink",
    multiple=True,
    default=_DEFAULT.sink,
    show_default=True,
    metavar="SINK",
    help=f"{SINKS}; may be given again.",
)
@click.option(
    "--emit",
    type=click.Choice(["change", "frame"]),
    default=_DEFAULT.emit,
    show_default=True,
    help="An event when a face comes, changes or leaves; or one a face a frame.",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), metavar="N", help="Stop after so many frames.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the run report as JSON.",
)
@click.option(
    "--preview",
    metavar="HOST:PORT",
    help="Serve a page with the live picture. Beyond this machine a token is needed.",
)
@click.option(
    "--preview-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Holds the preview's token; else it is taken from MIEN_PREVIEW_TOKEN.",
)
@click.option(
    "--wait-for-source/--no-wait-for-source",
    default=_DEFAULT.wait_for_source,
    show_default=True,
    help="Wait for a live source that is not there yet, instead of ending with status 1.",
)
@click.option(
    "--stall-timeout",
    type=Seconds(0.5),
    default=_DEFAULT.stall_timeout,
    show_default=True,
    metavar="SECONDS",
    help="So long without a frame, and a live source is opened again.",
)
@click.option(
    "--freeze-timeout",
    type=Seconds(0),
    default=_DEFAULT.freeze_timeout,
    show_default=True,
    metavar="SECONDS",
    help="So long the same picture, and a live source is opened again; 0 for never.",
)
@click.option(
    "--min-hold",
    type=Seconds(0),
    default=_DEFAULT.min_hold,
    show_default=True,
    metavar="SECONDS",
    help="How long a new expression must lead before it is told.",
)
@click.option(
    "--uncertain-below",
    type=click.FloatRange(0, 1),
    default=_DEFAULT.uncertain_below,
    show_default=True,
    metavar="SCORE",
    help="Where no score reaches this, the expression is `uncertain`; 0 for never.",
)
@click.option(
    "--prior",
    multiple=True,
    metavar="LABEL=SHARE",
    help="How frequent an expression is here, if not as in training (neutral=0.6); may be given again.",
)
@click.option(
    "--aggregate",
    type=Seconds(1),
    metavar="SECONDS",
    help="Tell no single face: only counts and shares, so often (60s, 5m).",
)
@click.option(
    "--min-faces",
    type=click.IntRange(1),
    default=_DEFAULT.min_faces,
    show_default=True,
    metavar="K",
    help="With --aggregate: of fewer faces tell nothing.",
)
@click.option(
    "--debug-frames",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Store pictures there, two a second, for ten minutes. Everybody is told.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=config.from_file,
    metavar="FILE",
    help="Take options from this TOML file; SIGHUP reads it again.",
)
@click.option("--show-config", is_flag=True, help="Print the options in effect, as a file for --config, and end.")
@click.pass_context
def run(ctx: click.Context, /, **_: Any) -> None:
    """Watch a source and name the expression on each face; say how long every step took.

    Runs until the source ends or Ctrl-C, and prints a summary. SIGUSR1 prints it in between.
    """
    if ctx.params["show_config"]:
        click.echo(config.as_toml(ctx), nl=False)
        return
    log.configure()
    settings = _settings(ctx)
    signals = Signals(reloads=ctx.params["config"] is not None)
    with handling(signals.handlers):
        if settings.report is not None:
            check_writable(settings.report)
        daemon = signals.daemon = Daemon(settings)
        heartbeat = Heartbeat.of(daemon.pipeline)

        def after(frame: Frame | None) -> None:
            if bar and frame is not None:
                bar.update(1)
            if daemon.reader_gone:
                daemon.pipeline.stop()
            if signals.reload:
                signals.reload = False
                heartbeat.reloading()
                _reload(ctx, daemon)
                heartbeat.reloaded()
            heartbeat.beat()

        try:
            with daemon, heartbeat, _bar(daemon.total) as bar:
                daemon.pipeline.run(settings.max_frames, after)
        finally:
            # Also when a camera or a disk fails: what was done until then is worth knowing.
            report = daemon.report()
            if report.frames_seen:
                click.echo(report.as_text(), err=True)
            if settings.report is not None:
                write_json(settings.report, report.as_dict())


def _settings(ctx: click.Context) -> RunSettings:
    return RunSettings(**{key: value for key, value in ctx.params.items() if key not in config.ELSEWHERE})


def _reload(ctx: click.Context, daemon: Daemon) -> None:
    """Read the options again: those of the command line are what they were, those of the file may be others."""
    try:
        with ctx.command.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), ctx.parent) as again:
            settings = _settings(again)
    except (MienError, click.ClickException) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else error
        logger.error("the new configuration is refused, the old one stays: %s", said)
        return
    daemon.change(settings)


def _bar(total: int | None) -> AbstractContextManager[Any]:
    """A progress bar on standard error, for sources of known length and people who watch."""
    if total is None or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=total, label="frames", file=sys.stderr, show_pos=True)
