"""Recipes: named TOML files that determine a training run, and the code that reads them.

`catalog` lists the shipped recipes and needs the standard library alone, so that `mien train list` is quick. `schema`
defines and validates a recipe with pydantic, and `validation` turns what pydantic finds into one-line messages. To add
a recipe, add a TOML file to this folder.

The names of `schema` are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from train.recipes.catalog import ENSEMBLE, RecipeSummary, recipe_names, shipped_recipes

if TYPE_CHECKING:
    from train.recipes.schema import Augment, Fit, Recipe, Stage, load_recipe, parse_recipe

__all__ = [
    "ENSEMBLE",
    "Augment",
    "Fit",
    "Recipe",
    "RecipeSummary",
    "Stage",
    "load_recipe",
    "parse_recipe",
    "recipe_names",
    "shipped_recipes",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("train.recipes.schema"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
