"""The results of a benchmark as plain values: the contents of `results.json`, described by results.schema.json."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edge import __version__
from edge.benchmark.intervals import mcnemar
from edge.benchmark.model_result import ModelResult, Speed
from edge.benchmark.pareto import Point, dominators, pareto_front
from edge.system.untrusted_text import spreadsheet_cell

#: Increased when a change would mislead a reader of the older version.
SCHEMA_VERSION = 1
#: Significance level of McNemar's test.
SIGNIFICANT = 0.05


def build_results(
    models: list[ModelResult], data: dict[str, Any], conditions: dict[str, Any], warnings: list[str], partial: bool
) -> dict[str, Any]:
    """Build the results from everything that was measured.

    Args:
        models: the results of each model.
        data: name, SHA-256, split, number of faces, seed and labels.
        conditions: the machine, its state before and after, and the energy counter.
        warnings: why the figures should not be trusted.
        partial: whether the measurement was interrupted.
    """
    points = [point for point in map(_point, models) if point is not None]
    dominated = dominators(points)
    front = pareto_front(points)
    first = next((model.accuracy for model in models if model.accuracy), None)
    correct = {model.candidate.name: model.accuracy.correct for model in models if model.accuracy}
    return {
        "schema_version": SCHEMA_VERSION,
        "mien": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "partial": partial,
        "marks": warnings,
        "data": data,
        "conditions": conditions,
        "models": [_model(model, first, dominated) for model in models],
        "front": [point.name for point in front],
        "neighbours": [_pair(a.name, b.name, correct[a.name], correct[b.name]) for a, b in pairwise(front)],
    }


def pareto_points(results: dict[str, Any]) -> list[Point]:
    """Return the models that have both an accuracy and a latency."""
    found = []
    for model in results["models"]:
        speed = model["speeds"][0] if model["speeds"] else None
        if model["accuracy"] and speed and speed["crop_to_scores"]:
            latency_ms = speed["crop_to_scores"]["p50_ms"]["value"]
            found.append(Point(model["name"], latency_ms, model["accuracy"]["accuracy"]["value"]))
    return found


def as_csv(results: dict[str, Any]) -> str:
    """Return the results as CSV, one row for each model and number of threads."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
            "model",
            "threads",
            "accuracy",
            "accuracy_low",
            "accuracy_high",
            "macro_f1",
            "ece",
            "agreement",
            "invoke_p50_ms",
            "invoke_p95_ms",
            "invoke_p99_ms",
            "crop_to_scores_p50_ms",
            "crop_to_scores_p95_ms",
            "crop_to_scores_p99_ms",
            "faces_per_s",
            "load_ms",
            "first_invoke_ms",
            "peak_rss_mb",
            "size_bytes",
            "macs",
            "gmacs_per_s",
            "share_of_peak",
            "joules_per_face",
            "dominated_by",
            "error",
        ]
    )
    for model in results["models"]:
        scores = model["accuracy"] or {}
        accuracy = scores.get("accuracy", {})
        for speed in model["speeds"] or [{}]:
            invoke, crop = (speed.get(key) or {} for key in ("invoke", "crop_to_scores"))
            writer.writerow(
                [
                    spreadsheet_cell(model["name"]),
                    speed.get("threads"),
                    *(accuracy.get(key) for key in ("value", "low", "high")),
                    *(scores.get(key, {}).get("value") for key in ("macro_f1", "ece")),
                    scores.get("agreement"),
                    *(value for part in (invoke, crop) for value in _percentiles(part)),
                    *(speed.get(k) for k in ("faces_per_s", "load_ms", "first_invoke_ms", "peak_rss_mb")),
                    *(model[key] for key in ("size_bytes", "macs")),
                    *(speed.get(key) for key in ("gmacs_per_s", "share_of_peak", "joules_per_face")),
                    *(spreadsheet_cell(model[key]) for key in ("dominated_by", "error")),
                ]
            )
    return buffer.getvalue()


def pack_bits(bits: npt.NDArray[np.bool_]) -> str:
    """Encode booleans as base64, eight in a byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def unpack_bits(text: str, n: int) -> npt.NDArray[np.bool_]:
    """Decode the `n` booleans that `pack_bits` encoded.

    Raises:
        ValueError: the text does not encode that many.
    """
    packed = np.frombuffer(base64.b64decode(text), np.uint8)
    # Otherwise numpy would append zeros, as many as a damaged file asks for.
    if len(packed) != -(-n // 8):
        raise ValueError(f"expected {n} bits, got {len(packed)} bytes")
    return np.unpackbits(packed, count=n).astype(bool)


def _percentiles(latency: dict[str, Any]) -> list[float | None]:
    if not latency:
        return [None, None, None]
    return [latency["p50_ms"]["value"], latency["p95_ms"], latency["p99_ms"]]


def _point(model: ModelResult) -> Point | None:
    latency = model.speeds[0].crop_to_scores if model.speeds else None
    if model.accuracy is None or latency is None:
        return None
    return Point(model.candidate.name, latency.p50_ms.value, model.accuracy.accuracy.value)


def _model(model: ModelResult, first: Any, dominated: dict[str, str | None]) -> dict[str, Any]:
    name, macs = model.candidate.name, model.facts.get("macs")
    return {
        "name": name,
        "file": model.candidate.path.name,
        "sha256": model.candidate.sha256,
        "size_bytes": model.candidate.size_bytes,
        "identity": model.facts.get("identity"),
        "scheme": model.facts.get("scheme") or None,
        "runtime": model.facts.get("runtime"),
        "input_shape": model.facts.get("input_shape"),
        "macs": macs,
        "accuracy": None if model.accuracy is None else _accuracy(model.accuracy, first),
        "speeds": [_speed(speed, macs) for speed in model.speeds],
        "operations": model.operations,
        "dominated_by": dominated.get(name),
        "error": model.error or None,
    }


def _accuracy(accuracy: Any, first: Any) -> dict[str, Any]:
    return {
        "accuracy": asdict(accuracy.accuracy),
        "macro_f1": asdict(accuracy.macro_f1),
        "ece": asdict(accuracy.ece),
        "recall": {label: asdict(estimate) for label, estimate in accuracy.recall.items()},
        "labels": list(accuracy.labels),
        "confusion": accuracy.confusion,
        "selective": accuracy.selective.as_dict(),
        "agreement": float((accuracy.predictions == first.predictions).mean()),
        "right": pack_bits(accuracy.correct),
    }


def _speed(speed: Speed, macs: int | None) -> dict[str, Any]:
    table = asdict(speed)
    peak = table.pop("peak_macs_per_s")
    invoke, crop = speed.invoke, speed.crop_to_scores
    rate = macs / invoke.p50_ms.value * 1000 if macs and invoke else None
    return {
        **table,
        "faces_per_s": 1000 / crop.p50_ms.value if crop else None,
        "gmacs_per_s": None if rate is None else rate / 1e9,
        "peak_gmacs_per_s": None if peak is None else peak / 1e9,
        "share_of_peak": None if rate is None or peak is None else rate / peak,
    }


def _pair(a: str, b: str, correct_a: npt.NDArray[np.bool_], correct_b: npt.NDArray[np.bool_]) -> dict[str, Any]:
    p = mcnemar(correct_a, correct_b)
    return {
        "quicker": a,
        "slower": b,
        "only_quicker_right": int((correct_a & ~correct_b).sum()),
        "only_slower_right": int((~correct_a & correct_b).sum()),
        "p": p,
        "significant": p < SIGNIFICANT,
    }
