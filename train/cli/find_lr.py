"""`mien train find-lr`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge.cli.options import read_with_progress
from edge.cli.progress import progress
from train.cli.training_options import chosen_recipe, recipe_options
from train.training.learning_rate_range import FEWEST_STEPS, HIGH, LOW, STEPS, find_learning_rate


@click.command()
@recipe_options
@click.option(
    "--min", "low", type=float, default=LOW, show_default=True, metavar="R", help="Learning rate of the first batch."
)
@click.option(
    "--max", "high", type=float, default=HIGH, show_default=True, metavar="R", help="Learning rate of the last batch."
)
@click.option(
    "--steps", type=click.IntRange(FEWEST_STEPS), default=STEPS, show_default=True, metavar="N", help="Batches."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the chart and a CSV file.",
)
def find_lr(
    arch: str | None, recipe_file: Path | None, low: float, high: float, steps: int, out: Path | None, **options: Any
) -> None:
    """Find a learning rate: train for a few batches while it rises, and see at which rate the loss stops falling.

    That rate can be the peak of a schedule with a warm-up; a constant one is better lower. With --out, writes
    learning-rates.png and learning-rates.csv.
    """
    from train.plots.learning_rates import draw_learning_rates
    from train.plots.style import new_figure

    # Fail before the work where matplotlib is missing.
    new_figure(1, 1)
    recipe = chosen_recipe(arch, recipe_file)
    with progress("batches with a rising learning rate") as advance:
        found = find_learning_rate(
            recipe,
            low=low,
            high=high,
            steps=steps,
            log=click.echo,
            read=read_with_progress,
            on_step=lambda step, rate, loss: advance(step + 1, steps),
            **options,
        )
    where = f"{found.recipe}, stage {found.stage}" if found.stage else found.recipe
    use = f"learning_rate = {found.lowest:.2g}" if found.stage else f"--learning-rate {found.lowest:.2g}"
    click.echo(
        f"{where}: the loss falls until the learning rate is {found.lowest:.2g}; as the peak of a schedule: {use}"
    )
    if out is None:
        click.echo("give --out DIR for the chart")
        return
    draw_learning_rates(found, out / "learning-rates.png")
    found.write_csv(out / "learning-rates.csv")
    click.echo(f"{out / 'learning-rates.png'}: the loss over the learning rate; learning-rates.csv: its values")
