"""`mien run`: the daemon."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import click

from edge.cli import config_file, options
from edge.cli.browser import open_in_browser
from edge.cli.camera_tables import cameras_of
from edge.cli.completion import complete_schemes
from edge.cli.duration import Seconds
from edge.cli.grouped_command import GroupedCommand
from edge.cli.parameter_types import Parsed, parse_percent
from edge.cli.progress import progress
from edge.cli.signals import Signals, handling
from edge.cli.status_line import status_line
from edge.errors import WrongUseError, first_line
from edge.service.daemon import Daemon
from edge.service.heartbeat import Heartbeat
from edge.service.sd_notify import SOCKET_VARIABLE
from edge.service.settings import RunSettings
from edge.sinks import SINKS
from edge.sinks.sink_opening import REGISTRY as SINK_REGISTRY
from edge.sources import SOURCES
from edge.system import logs
from edge.system.atomic_files import check_writable, write_json

logger = logging.getLogger(__name__)
_ARGUMENTS = "edge.cli.run.arguments"
_DEFAULT = RunSettings()
#: The preview's address where only --show is given.
_ANY_PORT = "127.0.0.1:0"
#: Sinks that write to the terminal, unless their output goes elsewhere.
_TERMINAL_SINKS = ("console", "jsonl:-", "csv:-")


class _Command(GroupedCommand):
    """Stores its arguments, so that its options can be read again."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "Source": ("source", "wait_for_source", "stall_timeout", "freeze_timeout", "max_frames"),
        "Recognition": ("model", "detector", "prior", "min_hold", "uncertain_below"),
        "Output": (
            "sink",
            "emit",
            "aggregate",
            "min_faces",
            "preview",
            "show",
            "preview_token_file",
            "report",
            "debug_frames",
            "record",
        ),
        "Limits": ("threads", "cadence", "target_fps", "max_cpu"),
        "Configuration": ("config", "show_config"),
    }

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


@click.command(cls=_Command)
@click.option(
    "--source",
    default=_DEFAULT.source,
    show_default=True,
    metavar="SOURCE",
    shell_complete=options.complete_source,
    help=f"Where frames come from: {SOURCES}.",
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
    type=Parsed("percent", parse_percent),
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
    shell_complete=complete_schemes(SINK_REGISTRY.names, ("console",)),
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
    "--show",
    is_flag=True,
    help="Open the page in the browser of this machine. Without --preview, it is at any free port of 127.0.0.1.",
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
@options.prior
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
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Record the video, with the faces drawn into it, to a new file: .mp4, .mkv or .avi. The log and the preview "
    "announce it.",
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
    settings = run_settings(ctx)
    signals = Signals(reloads=ctx.params["config"] is not None)
    with handling(signals.handlers):
        if settings.report is not None:
            check_writable(settings.report)
        for file in (camera.record for camera in settings.cameras if camera.record is not None):
            if file.exists() and SOCKET_VARIABLE not in os.environ:
                # A service that is started again must run on: it records nothing.
                raise WrongUseError(f"--record {file}: the file exists: expected a new one")
        daemon = signals.daemon = Daemon(settings)
        if ctx.params["show"]:
            open_in_browser(daemon.preview_url)
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
    sinks = [sink for camera in run_settings(ctx).cameras for sink in camera.sink]
    with daemon, Heartbeat.of(daemon.pipelines) as heartbeat, _frame_counter(daemon, sinks) as count:
        for frame in daemon.steps():
            if frame is not None:
                count()
            if signals.take_reload():
                heartbeat.reloading()
                _reload(ctx, daemon)
                heartbeat.reloaded()
            signals.print_requested_report()
            heartbeat.beat()


def run_settings(ctx: click.Context) -> RunSettings:
    """Return the settings that the options of `mien run` and its configuration file have."""
    values = {key: value for key, value in ctx.params.items() if key not in config_file.ELSEWHERE}
    settings = RunSettings(**values, named_cameras=cameras_of(ctx))
    return replace(settings, preview=settings.preview or _ANY_PORT) if ctx.params["show"] else settings


def _reload(ctx: click.Context, daemon: Daemon) -> None:
    """Read the options again: those of the command line stay, those of the file may have changed."""
    try:
        with ctx.command.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), ctx.parent) as again:
            settings = run_settings(again)
    # Whatever is wrong with it: the run goes on without it. RecursionError is among what a parser may raise.
    except Exception as error:
        reason = error.format_message() if isinstance(error, click.ClickException) else first_line(error)
        logger.error("the new configuration is rejected, the old one stays: %s", reason)
        return
    daemon.change(settings)


@contextmanager
def _frame_counter(daemon: Daemon, sinks: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Show a progress bar for a source of known length, or the status line; yields a callback for each frame."""
    total = daemon.total
    if total is None:
        if sys.stderr.isatty() and not any(sink.startswith(_TERMINAL_SINKS) for sink in sinks):
            with status_line(daemon) as line:
                yield line.update
        else:
            yield lambda: None
        return
    frames = count(1)
    with progress("frames") as advance:
        yield lambda: advance(next(frames), total)
