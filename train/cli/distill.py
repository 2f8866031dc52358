"""`mien train distill`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from train.cli.training_options import run_training, training_options


@click.command()
@click.option(
    "--teacher",
    "teachers",
    type=click.Path(path_type=Path),
    metavar="RUN",
    multiple=True,
    required=True,
    help="A run folder, .keras, .tflite or shipped model; may be repeated.",
)
@training_options
def distill(**options: Any) -> None:
    """Train a student with knowledge distillation: as `fit`, with teachers' predictions in the targets.

    The teachers classify every face as the student sees it, augmented. Their mean prediction has the share of the
    recipe, or --teacher-share, in each target. On a CPU an int8 .tflite is by far the fastest teacher.
    """
    run_training(**options)
