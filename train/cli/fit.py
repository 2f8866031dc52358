"""`mien train fit`."""

from __future__ import annotations

from typing import Any

import click

from train.cli.training_options import run_training, training_options


@click.command()
@training_options
def fit(**options: Any) -> None:
    """Train into a run folder: fit on Training, save the best epoch on PublicTest.

    Options replace the recipe's values. KERAS_BACKEND chooses tensorflow, jax or torch. The run folder gets
    model.keras, metrics.json, curves.png, history.csv and recipe.toml.
    """
    run_training(**options)
