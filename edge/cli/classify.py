"""`mien classify`: the expressions in image files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.cli import options
from edge.errors import MienError
from edge.images import read_image
from edge.inference import Threads
from edge.recognizer import Recognizer
from edge.system.untrusted_text import one_line, printable
from edge.types import Face


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.model
@options.detector
@options.threads
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image, one image per line.")
def classify(images: tuple[Path, ...], model: str, detector: str, threads: Threads, as_json: bool) -> None:
    """Name the expression on each face in photographs.

    An image that cannot be read is reported; the others are still classified, and the exit status is 1.
    """
    recognizer = Recognizer(model, detector=detector, threads=threads)
    failed = 0
    for path in images:
        try:
            faces = recognizer(read_image(path))
        except MienError as error:
            if len(images) == 1:
                raise
            failed += 1
            click.echo(f"mien: {one_line(str(error))}", err=True)
            continue
        if as_json:
            table = {"image": str(path), "faces": [face.as_dict() for face in faces], "model": recognizer.model}
            click.echo(json.dumps(table))
        else:
            _print(path, faces)
    if failed:
        raise MienError(f"{failed} of {len(images)} images could not be read")


def _print(path: Path, faces: list[Face]) -> None:
    click.echo(f"{printable(str(path))}: {len(faces) or 'no'} face{'' if len(faces) == 1 else 's'}")
    for face in faces:
        x, y, w, h = (round(v) for v in face.box)
        click.echo(f"  {face.emotion:<9}{face.score:>5.0%}  at {x},{y} {w}x{h}")
