"""`mien run`: the daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import click

from edge.cli import config_file, options
from edge.cli.duration import Seconds
from edge.cli.progress import progress
from edge.cli.signals import Signals, handling
from edge.errors import first_line
from edge.service.daemon import Daemon
from edge.service.heartbeat import Heartbeat
from edge.service.settings import RunSettings
from edge.sinks import SINKS
from edge.sources import SOURCES
from edge.system import logs
from edge.system.atomic_files import check_writable, write_json

logger = logging.getLogger(__name__)
_ARGUMENTS = "edge.cli.run.arguments"
_DEFAULT = RunSettings()


class _Command(click.Command):
    """Stores its arguments, so that its options can be read again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


@click.command(cls=_Command)
@click.option(
    "--source", default=_DEFAULT.source, show_default=True, metavar="SOURCE", help=f"Where frames come from: {SOURCES}."
)
@options.model
@options.detector
@options.cadence
@click.option(
    "--target-fps",
    type=click.FloatRange(0.1, 1000),
    metavar="F",
    help="Degrade step by step (longer detection interval, then smaller frames) until this frame rate is reached.",
)
@click.option(
    "--max-cpu",
    type=click.FloatRange(1, 10_000),
    metavar="PERCENT",
    help="Degrade in the same way until the run uses no more than this percentage of one core (200 means two cores); "
    "for live sources, skip frames as the last step.",
)
@click.option(
    "--sink",
    multiple=True,
    default=_DEFAULT.sink,
    show_default=True,
    metavar="SINK",
    help=f"Where events go: {SINKS}. May be repeated.",
)
@click.option(
    "--emit",
    type=click.Choice(["change", "frame"]),
    default=_DEFAULT.emit,
    show_default=True,
    help="Emit an event when a face appears, changes its expression or leaves (change), or for each face in each "
    "frame (frame).",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), metavar="N", help="Stop after this number of frames.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the run report as JSON.",
)
@click.option(
    "--preview",
    metavar="HOST:PORT",
    help="Serve a page with the live image. Addresses other than loopback require a token.",
)
@click.option(
    "--preview-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the preview's token. Default: the environment variable MIEN_PREVIEW_TOKEN.",
)
@click.option(
    "--wait-for-source/--no-wait-for-source",
    default=_DEFAULT.wait_for_source,
    show_default=True,
    help="Wait for a live source that is not available yet, instead of exiting with status 1.",
)
@click.option(
    "--stall-timeout",
    type=Seconds(0.5),
    default=_DEFAULT.stall_timeout,
    show_default=True,
    metavar="SECONDS",
    help="Reopen a live source that has given no frame for this long.",
)
@click.option(
    "--freeze-timeout",
    type=Seconds(0),
    default=_DEFAULT.freeze_timeout,
    show_default=True,
    metavar="SECONDS",
    help="Reopen a live source whose image has not changed for this long; 0 for never.",
)
@click.option(
    "--min-hold",
    type=Seconds(0),
    default=_DEFAULT.min_hold,
    show_default=True,
    metavar="SECONDS",
    help="How long a new expression must lead before it is reported.",
)
@click.option(
    "--uncertain-below",
    type=click.FloatRange(0, 1),
    default=_DEFAULT.uncertain_below,
    show_default=True,
    metavar="SCORE",
    help="Report `uncertain` if no score reaches this value; 0 for never.",
)
@click.option(
    "--prior",
    multiple=True,
    metavar="LABEL=SHARE",
    help="How frequent an expression is where the model is used (neutral=0.6), if not as in its training data. May be "
    "repeated.",
)
@click.option(
    "--aggregate",
    type=Seconds(1),
    metavar="SECONDS",
    help="Report counts and shares over periods of this length (60s, 5m) instead of single faces.",
)
@click.option(
    "--min-faces",
    type=click.IntRange(1),
    default=_DEFAULT.min_faces,
    show_default=True,
    metavar="K",
    help="With --aggregate: do not report periods with fewer than K faces.",
)
@click.option(
    "--debug-frames",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Store images in this folder, two per second, for ten minutes. The log and the preview announce it.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=config_file.from_file,
    metavar="FILE",
    help="Read options from this TOML file. On SIGHUP, mien reads it again.",
)
@click.option("--show-config", is_flag=True, help="Print the options in effect as a file for --config, and exit.")
@click.pass_context
def run(ctx: click.Context, /, **_: Any) -> None:
    """Watch a source and name the expression on each face.

    Runs until the source ends or until Ctrl-C, then prints a summary with the latency of every stage. On SIGUSR1,
    prints the summary of the run so far, at most once a second.
    """
    if ctx.params["show_config"]:
        click.echo(config_file.as_toml(ctx), nl=False)
        return
    logs.configure()
    settings = _settings(ctx)
    signals = Signals(reloads=ctx.params["config"] is not None)
    with handling(signals.handlers):
        if settings.report is not None:
            check_writable(settings.report)
        daemon = signals.daemon = Daemon(settings)
        try:
            _watch(ctx, daemon, signals)
        finally:
            # Also after a camera or a disk has failed: the report of the run until then is still useful.
            report = daemon.report()
            if report.frames_seen:
                click.echo(report.as_text(), err=True)
            if settings.report is not None:
                write_json(settings.report, report.as_dict())


def _watch(ctx: click.Context, daemon: Daemon, signals: Signals) -> None:
    """Run the daemon to its end; print the report or reload the settings when a signal asks for it."""
    with daemon, Heartbeat.of(daemon.pipeline) as heartbeat, _frame_counter(daemon.total) as count:
        for frame in daemon.steps():
            if frame is not None:
                count()
            if signals.take_reload():
                heartbeat.reloading()
                _reload(ctx, daemon)
                heartbeat.reloaded()
            signals.print_requested_report()
            heartbeat.beat()


def _settings(ctx: click.Context) -> RunSettings:
    return RunSettings(**{key: value for key, value in ctx.params.items() if key not in config_file.ELSEWHERE})


def _reload(ctx: click.Context, daemon: Daemon) -> None:
    """Read the options again: those of the command line stay, those of the file may have changed."""
    try:
        with ctx.command.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), ctx.parent) as again:
            settings = _settings(again)
    # Whatever is wrong with it: the run goes on without it. RecursionError is among what a parser may raise.
    except Exception as error:
        reason = error.format_message() if isinstance(error, click.ClickException) else first_line(error)
        logger.error("the new configuration is rejected, the old one stays: %s", reason)
        return
    daemon.change(settings)


@contextmanager
def _frame_counter(total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar for a source of known length; yields a callback for each frame."""
    if total is None:
        yield lambda: None
        return
    frames = count(1)
    with progress("frames") as advance:
        yield lambda: advance(next(frames), total)
