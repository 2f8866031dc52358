"""A recipe: everything that decides a training run but the data. Named, committed, plain TOML."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from edge.errors import DataError, WrongUseError
from train.backend import PRECISIONS

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "sgd")

#: What a recipe's numbers may be, ends included; a NaN is in no range.
_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 100_000),
    "learning_rate": (1e-12, 1e3),
    "warmup_epochs": (0, 100_000),
    "weight_decay": (0, 1e3),
    "label_smoothing": (0, 1),
    "ema": (0, 1),
    "patience": (0, 100_000),
    "seed": (0, 2**31),
    "rotation_deg": (0, 180),
    "zoom": (0, 0.9),
    "shift": (0, 1),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "erasing": (0, 1),
}


@dataclass(frozen=True)
class Augment:
    """Random changes to each Training face, drawn anew each epoch by layers in front of the model.

    Attributes:
        enabled: whether any of it happens.
        flip: mirror left and right, half of the time.
        rotation_deg: turn by up to this many degrees either way.
        zoom: enlarge or shrink by up to this share.
        shift: move by up to this share of the width and height.
        brightness: add up to this share of the full range.
        contrast: stretch or flatten by up to this share.
        erasing: share of faces of which a rectangle is painted grey (Zhong et al., 2017).
    """

    enabled: bool = False
    flip: bool = True
    rotation_deg: float = 10.0
    zoom: float = 0.1
    shift: float = 0.1
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0


@dataclass(frozen=True)
class Fit:
    """How the weights are found.

    Attributes:
        epochs: passes over Training.
        batch_size: faces a step.
        optimizer: one of `OPTIMIZERS`; sgd is with Nesterov momentum 0.9.
        learning_rate: at its peak.
        schedule: `constant`, or `cosine` down to zero after a linear warm-up.
        warmup_epochs: length of that warm-up.
        weight_decay: decoupled (Loshchilov & Hutter, 2019), on kernels only; with SGD's momentum of 0.9, ten
            times the figure of frameworks that add it to the gradient does the same.
        label_smoothing: share of each target spread over all classes.
        ema: momentum of the running average of the weights that is evaluated and kept; 0 for none.
        patience: stop after so many epochs without a better PublicTest accuracy; 0 to never stop early.
        precision: one of `train.backend.PRECISIONS`.
        seed: of the initial weights, the order of the faces and the augmentation.
    """

    epochs: int = 30
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    patience: int = 0
    precision: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """One way to train one architecture; `model` holds the keyword arguments of its builder."""

    name: str
    architecture: str
    description: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    augment: Augment = field(default_factory=Augment)
    fit: Fit = field(default_factory=Fit)

    def with_changes(self, fit: dict[str, Any], augment: bool | None) -> Recipe:
        """This recipe with the options that a command line gave; None leaves a value as it is."""
        changed = {key: value for key, value in fit.items() if value is not None}
        recipe = replace(self, fit=replace(self.fit, **changed))
        if augment is not None:
            recipe = replace(recipe, augment=replace(recipe.augment, enabled=augment))
        try:
            _check(recipe, "the command line")
        except DataError as error:
            raise WrongUseError(str(error)) from error
        return recipe

    def as_dict(self) -> dict[str, Any]:
        """As plain tables, for TOML and JSON."""
        return asdict(self)


def recipe_names() -> list[str]:
    """Names of the recipes that ship with mien."""
    folder = resources.files("train") / "recipes"
    return sorted(Path(p.name).stem for p in folder.iterdir() if p.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by its path.

    Raises:
        WrongUseError: no such recipe.
        DataError: the file is not a recipe.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and path.suffix != ".toml":
        if name_or_path not in recipe_names():
            raise WrongUseError(f"no recipe {name_or_path!r}: expected one of {', '.join(recipe_names())}")
        text = (resources.files("train") / "recipes" / f"{name_or_path}.toml").read_text("utf-8")
    else:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the recipe {path}: {error}") from error
    try:
        return parse_recipe(tomllib.loads(text), str(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"the recipe {name_or_path} is not TOML: {error}") from error


def parse_recipe(table: dict[str, Any], where: str) -> Recipe:
    """A recipe from the tables of a TOML file that is named `where`.

    Raises:
        DataError: a key is unknown or missing, or a value is of the wrong kind.
    """
    # A run folder's recipe.toml names its data too: it is a recipe all the same.
    table = {key: value for key, value in table.items() if key != "data"}
    for key, kind in (("augment", Augment), ("fit", Fit)):
        if key in table:
            table[key] = _fill(kind, table[key], f"{where}, [{key}]")
    if not {"name", "architecture"} <= set(table):
        raise DataError(f"the recipe {where} lacks a name or an architecture")
    recipe: Recipe = _fill(Recipe, table, where)
    _check(recipe, where)
    return recipe


def _fill(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise DataError(f"{where} is {table!r}: expected a table")
    known = {f.name: f for f in fields(kind)}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else f": expected one of {', '.join(known)}"
            raise DataError(f"unknown key {key!r} in {where}{hint}")
        if known[key].type == "str" and not isinstance(value, str):
            raise DataError(f"{key} in {where} is {value!r}: expected a string")
        default = known[key].default
        numeric = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
        if isinstance(default, (bool, int, float, str)) and not numeric and type(value) is not type(default):
            raise DataError(f"{key} in {where} is {value!r}: expected {type(default).__name__}")
    return kind(**table)


def _check(recipe: Recipe, where: str) -> None:
    fit = recipe.fit
    for key, allowed in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
        if getattr(fit, key) not in allowed:
            raise DataError(f"{key} in {where} is {getattr(fit, key)!r}: expected one of {', '.join(allowed)}")
    if not isinstance(recipe.model, dict):
        raise DataError(f"model in {where} is {recipe.model!r}: expected a table")
    for table in (fit, recipe.augment):
        for key, (low, high) in _RANGES.items():
            value = getattr(table, key, low)
            if not low <= value <= high:
                raise DataError(f"{key} in {where} is {value}: expected {low} to {high}")
