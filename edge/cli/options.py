"""Options and displays that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from edge.cli.parameter_types import Parsed
from edge.datasets.reader import SPLITS, Faces, Progress, read_faces
from edge.detection import DETECTORS
from edge.inference.shipped_models import DEFAULT_MODEL
from edge.inference.threads import parse_threads
from edge.tracking.scheduler import parse_cadence

data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DATA",
    help="fer2013.csv (.gz .bz2 .xz .zip), or a folder with train/<label>/*.jpg and test/<label>/*.jpg.",
)
split = click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="PublicTest",
    show_default=True,
    help="Which faces to score.",
)
votes = click.option(
    "--votes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="FER+'s fer2013new.csv for the same rows.",
)
model = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="A shipped model (see `mien models list`) or a .tflite file.",
)
detector = click.option(
    "--detector",
    default="blazeface",
    show_default=True,
    metavar="DETECTOR",
    help=f"One of {', '.join(DETECTORS)}, yunet:FILE.onnx or blazeface:FILE.tflite.",
)
cadence = click.option(
    "--cadence",
    type=Parsed("cadence", parse_cadence),
    metavar="auto|N",
    help="The detector looks at every Nth frame, or when the scene asks for it; between, faces are followed. Without "
    "it: live sources auto, others 1.",
)
threads = click.option(
    "--threads",
    type=Parsed("threads", parse_threads),
    default=1,
    show_default=True,
    help="Threads of each network; auto measures for a second which number is fastest here, and remembers it.",
)


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar on a terminal's standard error, nothing elsewhere; yields `callback(done, total)`."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    bar_on_stderr = click.progressbar(length=1, label=label, file=sys.stderr)
    with bar_on_stderr as bar:

        def advance(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield advance


def read_with_progress(
    path: Path,
    splits: Sequence[str] | None,
    votes: Path | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> dict[str, Faces]:
    """`read_faces` behind a progress bar; says in one line on standard error what was left out."""
    bad: list[str] = []

    def note(line: str) -> None:
        bad.append(line)
        if on_bad:
            on_bad(line)

    with progress(f"reading {path.name}") as advance:
        faces = read_faces(path, splits, votes=votes, progress=advance, on_bad=note)
    if bad:
        n = len(bad) + sum(map(len, faces.values()))
        click.echo(f"{path.name}: {len(bad)} of {n} left out as unreadable, the first: {bad[0]}", err=True)
    return faces
