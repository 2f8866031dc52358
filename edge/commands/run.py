"""`mien run`: the daemon."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, cast

import click

from edge.classify import Classifier
from edge.commands import options
from edge.detect import open_detector
from edge.errors import SinkError
from edge.events import Emit
from edge.files import write_json
from edge.pipeline import Pipeline
from edge.shipped import find_model
from edge.sinks import SINKS, open_sink
from edge.sources import open_source


@click.command()
@click.option(
    "--source",
    default="demo",
    show_default=True,
    metavar="SOURCE",
    help="demo, camera:N, picamera2[:N], a video file or a folder of images.",
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
        classifier = Classifier(find_model(model), threads)
        faces = open_detector(detector, threads)
        frames = stack.enter_context(open_source(source))
        outputs = [stack.enter_context(open_sink(spec)) for spec in sinks or ("console",)]
        if report_path is not None:
            _check_writable(report_path)
        pipeline = Pipeline(frames, faces, classifier, outputs, cast(Emit, emit))
        stack.enter_context(_signals(pipeline))
        total = _known_length(frames.total, max_frames)
        bar = stack.enter_context(_bar(total, "jsonl:-" in sinks))
        report = pipeline.run(max_frames, lambda _: bar.update(1) if bar else None)
    click.echo(report.as_text(), err=True)
    if report_path is not None:
        write_json(report_path, report.as_dict())


def _known_length(total: int | None, max_frames: int | None) -> int | None:
    known = [n for n in (total, max_frames) if n is not None]
    return min(known) if known else None


def _bar(total: int | None, quiet: bool) -> Any:
    """A progress bar on standard error, for sources of known length and people who watch."""
    if total is None or quiet or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=total, label="frames", file=sys.stderr, show_pos=True)


def _check_writable(path: Path) -> None:
    """Find out before the run, not after it, that the report cannot be written."""
    if path.is_dir() or not path.parent.is_dir():
        raise SinkError(f"cannot write the report to {path}: expected a file in a folder that exists")


@contextmanager
def _signals(pipeline: Pipeline) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after the current frame; a second Ctrl-C does not wait for it."""

    def end(number: int, _: FrameType | None) -> None:
        pipeline.stop()
        signal.signal(number, signal.default_int_handler)

    def tell(_: int, __: FrameType | None) -> None:
        click.echo(pipeline.report().as_text(), err=True)

    handlers = {signal.SIGINT: end, signal.SIGTERM: end, signal.SIGUSR1: tell}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
