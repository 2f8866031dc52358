"""`mien train list`."""

from __future__ import annotations

import click

from train.recipe import load_recipe, recipe_names


@click.command("list")
def list_recipes() -> None:
    """List the recipes: what `fit --arch` takes."""
    for name in recipe_names():
        recipe = load_recipe(name)
        click.echo(f"{name:<12} {recipe.fit.epochs:>3} epochs  {recipe.description}")
