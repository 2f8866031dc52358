"""`mien classify`: the expressions in image files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from edge.cli import options
from edge.cli.annotated_folder import AnnotatedFolder
from edge.cli.face_table import FaceTable
from edge.errors import DataError, MienError, SinkError
from edge.images import image_files, read_image
from edge.inference import Threads
from edge.recognizer import Recognizer
from edge.system.atomic_files import check_writable, replacing
from edge.system.untrusted_text import one_line, printable
from edge.types import Face


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.model
@options.detector
@options.prior
@options.threads
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image, one image per line.")
@click.option("--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="Write one row per face.")
@click.option(
    "--annotated",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a copy of each image with its faces drawn into it to this folder.",
)
def classify(
    images: tuple[Path, ...],
    model: str,
    detector: str,
    prior: tuple[str, ...],
    threads: Threads,
    as_json: bool,
    table: Path | None,
    annotated: Path | None,
) -> None:
    """Name the expression on each face in photographs.

    IMAGES are files, or folders with the images directly inside. An image that cannot be read is reported; the others
    are still classified, and the exit status is 1.
    """
    if table is not None:
        check_writable(table)
    folder = None if annotated is None else AnnotatedFolder(annotated)
    files = _files(images)
    recognizer = Recognizer(model, detector=detector, threads=threads, prior=prior)
    failed = 0
    with _open_table(table, recognizer.labels) as rows:
        for path in files:
            try:
                image = read_image(path)
                faces = recognizer(image)
            except MienError as error:
                if len(files) == 1:
                    raise
                failed += 1
                click.echo(f"mien: {one_line(str(error))}", err=True)
                continue
            if as_json:
                entry = {"image": str(path), "faces": [face.as_dict() for face in faces], "model": recognizer.model}
                click.echo(json.dumps(entry))
            else:
                _print(path, faces)
            if rows is not None:
                rows.add(path, faces)
            if folder is not None:
                folder.write(path, recognizer.annotate(image, faces))
    if failed:
        raise MienError(f"{failed} of {len(files)} images could not be read")


def _files(images: Sequence[Path]) -> list[Path]:
    """Return the files, with those of each folder in its place.

    Raises:
        DataError: a folder has no image, or cannot be read.
    """
    files: list[Path] = []
    for path in images:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = image_files(path)
        except OSError as error:
            raise DataError(f"cannot read the folder {path}: {error.strerror or error}") from error
        if not found:
            raise DataError(f"no image in {path}: expected .jpg, .png, .bmp or .webp files directly inside")
        files += found
    return files


@contextmanager
def _open_table(path: Path | None, labels: tuple[str, ...]) -> Iterator[FaceTable | None]:
    """Write the rows to a file that is there once all of them are.

    Raises:
        SinkError: it cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            yield FaceTable(stream, labels)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror or error}") from error


def _print(path: Path, faces: list[Face]) -> None:
    click.echo(f"{printable(str(path))}: {len(faces) or 'no'} face{'' if len(faces) == 1 else 's'}")
    for face in faces:
        x, y, w, h = (round(v) for v in face.box)
        click.echo(f"  {face.emotion:<9}{face.score:>5.0%}  at {x},{y} {w}x{h}")
