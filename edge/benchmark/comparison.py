"""The comparison of two results: from two machines, or from two versions on one machine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.benchmark.intervals import mcnemar
from edge.benchmark.results import SCHEMA_VERSION, SIGNIFICANT, unpack_bits
from edge.errors import DataError, first_line, shortened, shown
from edge.system.regular_files import read_regular

#: Relative difference of a latency between two runs on one machine without any change.
LATENCY_TOLERANCE = 0.10
#: The same for memory.
MEMORY_TOLERANCE = 0.10
#: What is equal where two results scored the same faces, and what it is.
_SAME_FACES = {"sha256": "SHA-256 of the data", "split": "split", "faces": "number of faces", "seed": "seed"}
#: Of a results.json: it has a bit for each face and model.
_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Change:
    """One figure of one model in two results.

    Attributes:
        model: its name in both.
        figure: what is compared, such as `network, 1 thread, p50 ms`.
        before, after: the values, in the unit of the figure.
        worse: whether it is worse by more than noise.
        better: whether it is better by more than noise.
    """

    model: str
    figure: str
    before: float
    after: float
    worse: bool
    better: bool


def read_results(path: Path) -> dict[str, Any]:
    """Read a `results.json`.

    Raises:
        DataError: the file is missing, or this version cannot read it.
    """
    try:
        table = json.loads(read_regular(path, _MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; expected a results.json") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: expected a results.json of mien benchmark") from error
    version = table.get("schema_version") if isinstance(table, dict) else None
    if type(version) is not int or version != SCHEMA_VERSION or "models" not in table:
        raise DataError(
            f"{path} has schema_version {shown(version)}: expected a results.json of version {SCHEMA_VERSION}"
        )
    return table  # type: ignore[no-any-return]


def compare_results(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Compare the figures that both results have.

    Accuracy is worse (or better) if McNemar's test is significant; a latency, if the intervals of its median do not
    overlap and it changed by more than `LATENCY_TOLERANCE`; memory, if it changed by more than `MEMORY_TOLERANCE`.

    Args:
        before: the first results, as `read_results` returns them.
        after: the second results.

    Returns:
        One change for each figure of each model, in the order of the first results.

    Raises:
        DataError: no model is in both, they scored different faces, or one of them is not as `results.schema.json`
            describes it.
    """
    with damage_as_error():
        return _compare(before, after)


@contextmanager
def damage_as_error() -> Iterator[None]:
    """Turn what reading damaged results raises in the block into one error. The base install cannot validate schemas.

    Raises:
        DataError: one of the results is not as `results.schema.json` describes it.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise DataError(
            "the results are damaged: expected what results.schema.json describes "
            f"({type(error).__name__}: {first_line(error)})"
        ) from error


def models_by_name(results: dict[str, Any]) -> dict[str, Any]:
    """Return the models of results by their names.

    Raises:
        ValueError: a name is not printable text. What other errors damaged results raise, `damage_as_error` catches.
    """
    models = {model["name"]: model for model in results["models"]}
    wrong = [name for name in models if not isinstance(name, str) or not name.isprintable()]
    if wrong:
        raise ValueError(f"{shown(wrong[0])} is no name of a model")
    return models


def _compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    models, others = models_by_name(before), models_by_name(after)
    both = [(models[name], others[name]) for name in models if name in others]
    if not both:
        names = [shortened(", ".join(table), 200) for table in (models, others)]
        raise DataError(f"no model is in both results: {names[0]} in the first, {names[1]} in the second")
    _check_faces(before["data"], after["data"])
    found = []
    for old, new in both:
        if old["accuracy"] and new["accuracy"]:
            found.append(_accuracy(old, new, before["data"]["faces"]))
        new_speeds = {speed["threads"]: speed for speed in new["speeds"]}
        for speed in old["speeds"]:
            if speed["threads"] in new_speeds:
                found += _speed(old["name"], speed, new_speeds[speed["threads"]])
    return found


def _check_faces(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that both results scored the same faces: otherwise a difference says nothing about the models.

    Raises:
        DataError: they did not.
    """
    for key, what in _SAME_FACES.items():
        if before[key] != after[key]:
            a, b = (shortened(shown(data[key]), 20) for data in (before, after))
            raise DataError(
                f"the two results scored different faces ({what} {a} in the first, {b} in the second): expected "
                "results with the same --data, --split, --limit and --seed"
            )


def _accuracy(old: dict[str, Any], new: dict[str, Any], faces: int) -> Change:
    correct = [unpack_bits(model["accuracy"]["right"], faces) for model in (old, new)]
    real = mcnemar(correct[0], correct[1]) < SIGNIFICANT
    before, after = (100 * _finite(model["accuracy"]["accuracy"]["value"]) for model in (old, new))
    return Change(old["name"], "accuracy, %", before, after, real and after < before, real and after > before)


def _speed(name: str, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    threads = f"{old['threads']} thread{'s' * (old['threads'] > 1)}"
    found = []
    for key, title in (("crop_to_scores", "crop to scores"), ("invoke", "network")):
        if not old[key] or not new[key]:
            continue
        a, b = old[key]["p50_ms"], new[key]["p50_ms"]
        worse = b["low"] > a["high"] and b["value"] > a["value"] * (1 + LATENCY_TOLERANCE)
        better = b["high"] < a["low"] and a["value"] > b["value"] * (1 + LATENCY_TOLERANCE)
        values = _finite(a["value"]), _finite(b["value"])
        found.append(Change(name, f"{title}, {threads}, p50 ms", *values, worse, better))
    a, b = old["peak_rss_mb"], new["peak_rss_mb"]
    if a and b:
        worse, better = b > a * (1 + MEMORY_TOLERANCE), a > b * (1 + MEMORY_TOLERANCE)
        found.append(Change(name, f"memory, {threads}, MB", _finite(a), _finite(b), worse, better))
    return found


def _finite(value: float) -> float:
    """Return a figure; JSON as Python reads it has `Infinity`, and integers that no float can hold."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no figure")
    return float(value)
