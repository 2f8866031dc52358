"""`mien run`: the daemon."""

from __future__ import annotations

import signal
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, cast

import click

from edge.capture import open_watched
from edge.classify import Classifier
from edge.commands import options
from edge.detect import open_detector
from edge.events import Emit
from edge.files import check_writable, write_json
from edge.pipeline import Pipeline
from edge.shipped import find_model
from edge.sinks import SINKS, sink_maker
from edge.sources import SOURCES


@click.command()
@click.option(
    "--source",
    default="demo",
    show_default=True,
    metavar="SOURCE",
    help=f"{SOURCES}.",
)
@options.model
@options.detector
@click.option("--sink", "sinks", multiple=True, metavar="SINK", help=f"{SINKS}; may be given again.")
@click.option(
    "--emit",
    type=click.Choice(["change", "frame"]),
    default="change",
    show_default=True,
    help="An event when a face comes, changes or leaves; or one a face a frame.",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Write the run report as JSON.")
def run(
    source: str,
    model: str,
    detector: str,
    sinks: tuple[str, ...],
    emit: str,
    threads: int,
    max_frames: int | None,
    report_path: Path | None,
) -> None:
    """Watch a source and name the expression on each face; say how long every step took.

    Runs until the source ends or Ctrl-C, and prints a summary. SIGUSR1 prints it in between.
    """
    with ExitStack() as stack:
        signals = stack.enter_context(_Signals())
        classifier = Classifier(find_model(model), threads)
        faces = open_detector(detector, threads)
        if report_path is not None:
            check_writable(report_path)
        makers = [sink_maker(spec) for spec in sinks or ("console",)]
        frames = stack.enter_context(open_watched(source))
        outputs = [stack.enter_context(make()) for make in makers]
        pipeline = Pipeline(frames, faces, classifier, outputs, cast(Emit, emit))
        signals.pipeline = pipeline
        try:
            with _bar(_known_length(frames.total, max_frames)) as bar:
                pipeline.run(max_frames, lambda _: bar.update(1) if bar else None)
        finally:
            # Also when a camera or a disk fails: what was done until then is worth knowing.
            report = pipeline.report()
            if report.frames_processed:
                click.echo(report.as_text(), err=True)
            if report_path is not None:
                write_json(report_path, report.as_dict())


def _known_length(total: int | None, max_frames: int | None) -> int | None:
    known = [n for n in (total, max_frames) if n is not None]
    return min(known) if known else None


def _bar(total: int | None) -> AbstractContextManager[Any]:
    """A progress bar on standard error, for sources of known length and people who watch."""
    if total is None or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=total, label="frames", file=sys.stderr, show_pos=True)


class _Signals:
    """What SIGINT, SIGTERM and SIGUSR1 do, from before the camera is opened until the report is written.

    Ctrl-C and SIGTERM end the run after the current frame; a second one does not wait for it. SIGUSR1 prints
    the report.
    """

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None

    def __enter__(self) -> Self:
        handlers = {signal.SIGINT: self._end, signal.SIGTERM: self._end, signal.SIGUSR1: self._tell}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, number: int, _: FrameType | None) -> None:
        if self.pipeline is None:
            raise KeyboardInterrupt
        self.pipeline.stop()
        signal.signal(number, signal.default_int_handler)

    def _tell(self, _: int, __: FrameType | None) -> None:
        if self.pipeline is not None:
            click.echo(self.pipeline.report().as_text(), err=True)
