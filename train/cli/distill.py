"""`mien train distill`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from train.cli.training_options import train_a_run, training_options


@click.command()
@click.option(
    "--teacher",
    "teachers",
    type=click.Path(path_type=Path),
    metavar="RUN",
    multiple=True,
    required=True,
    help="A run folder, .keras or .tflite; may be given again.",
)
@training_options
@click.pass_context
def distill(context: click.Context, teachers: tuple[Path, ...], **options: Any) -> None:
    """Train a model that learns from others, too: as `fit`, but teachers have a share in each target.

    They are asked about every face as the pupil sees it, augmented; the mean of their answers counts, and the share is
    the recipe's, or --teacher-share. On a CPU an int8 .tflite is by far the fastest teacher.
    """
    train_a_run(context, teachers=teachers, **options)
