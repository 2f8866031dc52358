"""`mien train fit`."""

from __future__ import annotations

from typing import Any

import click

from train.cli.training_options import train_a_run, training_options


@click.command()
@training_options
@click.pass_context
def fit(context: click.Context, **options: Any) -> None:
    """Train a model into a run folder: fit on Training, keep the epoch that is best on PublicTest.

    What an option does not say, the recipe does. KERAS_BACKEND chooses tensorflow, jax or torch. The run folder
    gets model.keras, metrics.json, curves.png, history.csv and recipe.toml.
    """
    train_a_run(context, teachers=(), **options)
