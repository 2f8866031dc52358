"""The recipes that ship with mien, read as plain TOML: quick, and without the training extra."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge.errors import WrongUseError

#: The architecture of a recipe that combines finished runs, named in `[model] members`, and trains nothing itself.
ENSEMBLE = "ensemble"
#: Passes over the Training split where a recipe does not set `epochs`.
DEFAULT_EPOCHS = 30


@dataclass(frozen=True)
class RecipeSummary:
    """What a list of recipes shows.

    Attributes:
        name: the recipe's name, as `--arch` takes it.
        architecture: the network that it trains, or `ENSEMBLE`.
        description: one line.
        epochs: the epochs of each stage in order; empty for an ensemble.
    """

    name: str
    architecture: str
    description: str
    epochs: tuple[int, ...]


def recipe_names() -> list[str]:
    """The sorted names of the shipped recipes."""
    folder = resources.files("train") / "recipes"
    return sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml"))


def read_shipped_recipe(name: str) -> str:
    """The TOML text of a shipped recipe.

    Raises:
        WrongUseError: there is no shipped recipe with that name.
    """
    if name not in recipe_names():
        raise WrongUseError(f"no recipe {name!r}: expected one of {', '.join(recipe_names())}")
    return (resources.files("train") / "recipes" / f"{name}.toml").read_text("utf-8")


def shipped_recipes() -> list[RecipeSummary]:
    """A summary of each shipped recipe, sorted by name."""
    summaries = []
    for name in recipe_names():
        table = tomllib.loads(read_shipped_recipe(name))
        parts = table.get("stages") or [table.get("fit", {})]
        epochs = tuple(int(part.get("epochs", DEFAULT_EPOCHS)) for part in parts)
        ensemble = table["architecture"] == ENSEMBLE
        summaries.append(
            RecipeSummary(name, table["architecture"], table.get("description", ""), () if ensemble else epochs)
        )
    return summaries
