"""The result of one model: its accuracy, and its speed with each number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge.benchmark.accuracy import Accuracy
from edge.benchmark.candidate import Candidate
from edge.benchmark.class_order_check import find_better_order
from edge.benchmark.rounds import LatencySummary
from edge.evaluation.classification import above_chance

#: A mean recall that is this far above that of guessing, or less, calls for a warning.
NEAR_CHANCE = 0.1


@dataclass
class Speed:
    """The speed of one model with one number of threads.

    Attributes:
        threads: the number of threads.
        invoke: latency of the network alone.
        crop_to_scores: latency from a frame and a box in it to probabilities, as in `mien run`.
        load_ms: time until the interpreter has allocated its tensors.
        first_invoke_ms: duration of the first invoke.
        peak_rss_mb: peak resident memory of a process that holds this model only, in MiB.
        empty_rss_mb: resident memory of that process before it loaded the model, in MiB.
        peak_macs_per_s: rate of a large int8 matrix product in the same runtime; None if it could not be measured.
        joules_per_face: energy of one invoke; None if the machine has no energy counter.
        rounds_run: number of rounds of bursts.
        rounds_disturbed: number of rounds that were disturbed by other work on the machine.
        rounds_counted: number of rounds from which the latencies are taken: the undisturbed ones, or all if these are
            too few.
    """

    threads: int
    invoke: LatencySummary | None = None
    crop_to_scores: LatencySummary | None = None
    load_ms: float | None = None
    first_invoke_ms: float | None = None
    peak_rss_mb: float | None = None
    empty_rss_mb: float | None = None
    peak_macs_per_s: float | None = None
    joules_per_face: float | None = None
    rounds_run: int = 0
    rounds_disturbed: int = 0
    rounds_counted: int = 0


@dataclass
class ModelResult:
    """The result of one model, filled in as the benchmark proceeds.

    Attributes:
        candidate: the model.
        facts: what its worker process reported when it loaded the model.
        accuracy: on the split; None until it is measured.
        speeds: one for each number of threads.
        operations: time of each operation; None if that was not asked for.
        error: why there are no figures, or no further figures; empty if all went well.
    """

    candidate: Candidate
    facts: dict[str, Any] = field(default_factory=dict)
    accuracy: Accuracy | None = None
    speeds: list[Speed] = field(default_factory=list)
    operations: list[dict[str, Any]] | None = None
    error: str = ""


def disturbance_warnings(models: Sequence[ModelResult]) -> list[str]:
    """Return warnings about latencies that were taken from disturbed rounds, because too few were undisturbed."""
    return sorted(
        {
            f"other work disturbed {speed.rounds_disturbed} of {speed.rounds_run} rounds, "
            f"{speed.threads} thread{'s' * (speed.threads > 1)}: run again"
            for model in models
            for speed in model.speeds
            if speed.rounds_disturbed and speed.rounds_counted == speed.rounds_run
        }
    )


def class_order_warnings(models: Sequence[ModelResult]) -> list[str]:
    """Return warnings about models that read far more faces if their classes are in another order."""
    found = []
    for model in models:
        other = model.accuracy and find_better_order(model.accuracy.confusion, model.accuracy.labels)
        if other:
            found.append(
                f"{model.candidate.name} seems to have its classes in another order: {other} (labels in the card of a "
                ".tflite, or in metrics.json beside a .keras)"
            )
    return found


def chance_warnings(models: Sequence[ModelResult]) -> list[str]:
    """Return warnings about models that read hardly more faces than guessing does."""
    found = []
    for model in models:
        if model.accuracy is not None and above_chance(model.accuracy.confusion) < NEAR_CHANCE:
            found.append(
                f"{model.candidate.name} reads hardly more faces than guessing would: it is not trained, or gets other "
                "values than it was trained on (--input-range of a .keras, input_range in the card of a .tflite)"
            )
    return found
