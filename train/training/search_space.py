"""A search space: which values of a recipe a search may change, and between which bounds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import DataError, MienError, first_line, shown
from edge.system.regular_files import read_regular
from edge.system.toml_text import parse_toml
from train.recipes.schema import Recipe, parse_recipe

if TYPE_CHECKING:
    import optuna

#: The tables of a recipe whose values can be searched.
SECTIONS = ("fit", "augment", "model")
#: Of a file: many times what all keys of a recipe need.
_MAX_BYTES = 1 << 20
_EXPECTED = "expected a list of two values or more, or { low = A, high = B }, with log = true for a logarithmic scale"


@dataclass(frozen=True)
class Range:
    """All numbers between two bounds; whole numbers if both bounds are.

    Attributes:
        low: the smallest value.
        high: the greatest value.
        log: whether the search goes by the logarithm.
    """

    low: int | float
    high: int | float
    log: bool = False

    @property
    def scale(self) -> str:
        """Of a chart's axis: `log` or `linear`."""
        return "log" if self.log else "linear"

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """A value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def value(self, parameter: Any) -> Any:
        """The value that a parameter of Optuna's stands for."""
        return parameter

    def parameter(self, value: Any) -> Any:
        """The parameter of Optuna's that stands for a value; None for a value outside."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number and self.low <= value <= self.high else None

    def ends(self) -> tuple[Any, ...]:
        """Values that a recipe has to accept if it accepts all."""
        return self.low, self.high

    def as_toml(self) -> Any:
        """The value of the key in a TOML file."""
        return {"low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True)
class Choice:
    """One of several values: numbers, texts, or lists such as the widths of a network's layers.

    Attributes:
        values: what can be chosen.
    """

    values: tuple[Any, ...]

    @property
    def scale(self) -> str:
        """Of a chart's axis: `choice`."""
        return "choice"

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """A value for a trial."""
        # Optuna takes no lists as choices.
        return self.value(trial.suggest_categorical(name, [json.dumps(value) for value in self.values]))

    def value(self, parameter: Any) -> Any:
        """The value that a parameter of Optuna's stands for."""
        return json.loads(parameter)

    def parameter(self, value: Any) -> Any:
        """The parameter of Optuna's that stands for a value; None for a value that is none of these."""
        return json.dumps(value) if value in self.values else None

    def ends(self) -> tuple[Any, ...]:
        """Values that a recipe has to accept if it accepts all."""
        return self.values

    def as_toml(self) -> Any:
        """The value of the key in a TOML file."""
        return list(self.values)


@dataclass(frozen=True)
class SearchSpace:
    """The values of a recipe that are searched, by table and key.

    Attributes:
        dimensions: what each value can be, by names such as `fit.learning_rate`.
    """

    dimensions: dict[str, Range | Choice]

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values for a trial, by name."""
        return {name: one.suggest(trial, name) for name, one in self.dimensions.items()}

    def parameters(self, recipe: Recipe) -> dict[str, Any]:
        """Optuna's parameters for a recipe as it is; without those whose value is outside the space."""
        table = recipe.as_dict()
        found = {}
        for name, one in self.dimensions.items():
            section, _, key = name.partition(".")
            parameter = one.parameter(table[section].get(key))
            if parameter is not None:
                found[name] = parameter
        return found

    def values_of(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The values for Optuna's parameters of a trial, by name."""
        return {name: self.dimensions[name].value(one) for name, one in parameters.items() if name in self.dimensions}

    def as_dict(self) -> dict[str, Any]:
        """The space as plain tables, for TOML; `parse_space` reads them back."""
        table: dict[str, Any] = {}
        for name, one in self.dimensions.items():
            section, _, key = name.partition(".")
            table.setdefault(section, {})[key] = one.as_toml()
        return table


def changed_recipe(recipe: Recipe, values: dict[str, Any], where: str) -> Recipe:
    """A recipe with other values.

    Args:
        recipe: the recipe.
        values: by names such as `fit.learning_rate`.
        where: what messages call the place that the values come from.

    Raises:
        DataError: a key is unknown, or the recipe does not accept a value.
    """
    table = recipe.as_dict()
    for name, value in values.items():
        section, _, key = name.partition(".")
        table[section] = {**table[section], key: value}
    return parse_recipe(table, where)


def default_space(recipe: Recipe) -> SearchSpace:
    """The space for a recipe without one of its own: the values of any network that matter most.

    A recipe with stages has a learning rate in each of them: it is not searched.
    """
    fit = recipe.fit
    dimensions: dict[str, Range | Choice] = {}
    if not recipe.stages:
        dimensions["fit.learning_rate"] = Range(fit.learning_rate / 10, fit.learning_rate * 10, log=True)
    if fit.weight_decay:
        dimensions["fit.weight_decay"] = Range(fit.weight_decay / 10, fit.weight_decay * 10, log=True)
    dimensions["fit.label_smoothing"] = Range(0.0, 0.2)
    dimensions["fit.batch_size"] = Choice(tuple(sorted({64, 128, 256, fit.batch_size})))
    return SearchSpace(dimensions)


def load_space(path: Path, recipe: Recipe) -> SearchSpace:
    """Read a search space from a TOML file with tables `[fit]`, `[augment]` and `[model]`.

    Raises:
        DataError: the file cannot be read, or the recipe does not accept a value of it.
    """
    try:
        table = parse_toml(read_regular(path, _MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise DataError(f"cannot read the search space {path}: {reason}") from error
    space = parse_space(table, str(path))
    for name, one in space.dimensions.items():
        for value in one.ends():
            try:
                changed_recipe(recipe, {name: value}, f"{recipe.name} as {path} changes it")
            except MienError as error:
                raise DataError(str(error)) from error
    return space


def parse_space(table: dict[str, Any], where: str) -> SearchSpace:
    """Validate the tables of a TOML file as a search space.

    Args:
        table: what `parse_toml` read.
        where: the file's name, for messages.

    Raises:
        DataError: a table is none of a recipe, or a value is neither a range nor a choice.
    """
    dimensions = {}
    for section, keys in table.items():
        if section not in SECTIONS or not isinstance(keys, dict):
            raise DataError(f"{shown(section)} in {where}: expected the tables [fit], [augment] and [model]")
        for key, value in keys.items():
            dimensions[f"{section}.{key}"] = _dimension(value, f"{shown(key)} in {where}, [{section}],")
    if not dimensions:
        raise DataError(f"{where} has no key: expected those of a recipe, such as learning_rate in [fit]")
    return SearchSpace(dimensions)


def _dimension(value: Any, place: str) -> Range | Choice:
    if (
        isinstance(value, list)
        and len(value) > 1
        and len({json.dumps(one, default=str) for one in value}) == len(value)
    ):
        return Choice(tuple(value))
    if isinstance(value, dict) and {"low", "high"} <= set(value) <= {"low", "high", "log"}:
        low, high, log = value["low"], value["high"], value.get("log", False)
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (low, high))
        if numbers and isinstance(log, bool) and math.isfinite(low) and math.isfinite(high) and low < high:
            if log and low <= 0:
                raise DataError(f"{place} goes from {low} on a logarithmic scale: expected low above 0")
            return Range(low, high, log)
    raise DataError(f"{place} is {shown(value)}: {_EXPECTED}")
