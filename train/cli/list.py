"""`mien train list`."""

from __future__ import annotations

import click

from train.recipes.schema import ENSEMBLE, load_recipe, recipe_names


@click.command("list")
def list_recipes() -> None:
    """List the recipes: what `fit --arch` takes."""
    width = max(map(len, recipe_names()))
    for name in recipe_names():
        recipe = load_recipe(name)
        epochs = " + ".join(str(stage.epochs) for stage in recipe.stages) or str(recipe.fit.epochs)
        lasts = "of runs" if recipe.architecture == ENSEMBLE else f"{epochs} epochs"
        click.echo(f"{name:<{width}}  {lasts:>14}  {recipe.description}")
