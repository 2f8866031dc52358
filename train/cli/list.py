"""`mien train list`."""

from __future__ import annotations

import click

from train.recipes.catalog import shipped_recipes


@click.command("list")
def list_recipes() -> None:
    """List the recipes that `fit --arch` takes."""
    recipes = shipped_recipes()
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        epochs = f"{' + '.join(map(str, recipe.epochs))} epochs" if recipe.epochs else "ensemble"
        click.echo(f"{recipe.name:<{width}}  {epochs:>14}  {recipe.description}")
