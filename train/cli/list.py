"""`mien train list`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from train.recipes.catalog import shipped_recipes


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per recipe, one recipe per line.")
def list_recipes(as_json: bool) -> None:
    """List the recipes that `fit --arch` takes."""
    recipes = shipped_recipes()
    if as_json:
        for recipe in recipes:
            click.echo(json.dumps(asdict(recipe)))
        return
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        epochs = f"{' + '.join(map(str, recipe.epochs))} epochs" if recipe.epochs else "ensemble"
        click.echo(f"{recipe.name:<{width}}  {epochs:>14}  {recipe.description}")
