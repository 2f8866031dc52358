"""The comparison of two results: from two machines, or from two versions on one machine."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.benchmark.intervals import mcnemar
from edge.benchmark.results import SCHEMA_VERSION, SIGNIFICANT, unpack_bits
from edge.errors import DataError

#: Relative difference of a latency between two runs on one machine without any change.
LATENCY_TOLERANCE = 0.10
#: The same for memory.
MEMORY_TOLERANCE = 0.10


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
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; expected a results.json") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: expected a results.json of mien benchmark") from error
    version = table.get("schema_version") if isinstance(table, dict) else None
    if version != SCHEMA_VERSION or "models" not in table:
        raise DataError(f"{path} has schema_version {version!r}: expected a results.json of version {SCHEMA_VERSION}")
    return table  # type: ignore[no-any-return]


def compare_results(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Compare the figures that both results have.

    Accuracy is worse (or better) if McNemar's test is significant, where both scored the same faces, or otherwise if
    the difference exceeds the confidence intervals; a latency, if the intervals of its median do not overlap and it
    changed by more than `LATENCY_TOLERANCE`; memory, if it changed by more than `MEMORY_TOLERANCE`.

    Args:
        before: the first results, as `read_results` returns them.
        after: the second results.

    Returns:
        One change for each figure of each model, in the order of the first results.

    Raises:
        DataError: no model is in both.
    """
    others = {model["name"]: model for model in after["models"]}
    both = [(model, others[model["name"]]) for model in before["models"] if model["name"] in others]
    if not both:
        names = [", ".join(model["name"] for model in table["models"]) for table in (before, after)]
        raise DataError(f"no model is in both results: {names[0]} in the first, {names[1]} in the second")
    same_faces = all(before["data"][key] == after["data"][key] for key in ("sha256", "split", "faces", "seed"))
    found = []
    for old, new in both:
        if old["accuracy"] and new["accuracy"]:
            found.append(_accuracy(old, new, before["data"]["faces"] if same_faces else None))
        new_speeds = {speed["threads"]: speed for speed in new["speeds"]}
        for speed in old["speeds"]:
            if speed["threads"] in new_speeds:
                found += _speed(old["name"], speed, new_speeds[speed["threads"]])
    return found


def _accuracy(old: dict[str, Any], new: dict[str, Any], same_faces: int | None) -> Change:
    a, b = old["accuracy"]["accuracy"], new["accuracy"]["accuracy"]
    if same_faces is not None:
        correct = [unpack_bits(model["accuracy"]["right"], same_faces) for model in (old, new)]
        real = mcnemar(correct[0], correct[1]) < SIGNIFICANT
    else:
        # The squares of the half-widths of two independent samples add up.
        half = math.hypot((a["high"] - a["low"]) / 2, (b["high"] - b["low"]) / 2)
        real = abs(a["value"] - b["value"]) > half
    before, after = 100 * a["value"], 100 * b["value"]
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
        found.append(Change(name, f"{title}, {threads}, p50 ms", a["value"], b["value"], worse, better))
    a, b = old["peak_rss_mb"], new["peak_rss_mb"]
    if a and b:
        worse, better = b > a * (1 + MEMORY_TOLERANCE), a > b * (1 + MEMORY_TOLERANCE)
        found.append(Change(name, f"memory, {threads}, MB", a, b, worse, better))
    return found
