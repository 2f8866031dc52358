"""Selective accuracy of a model with intervals, and the threshold that it suggests for `uncertain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import Estimate, wilson
from edge.evaluation.selective import SelectivePoint, selective_accuracy
from edge.events import UNCERTAIN_BELOW


@dataclass(frozen=True)
class SelectiveRow:
    """What one threshold does; rates are 0..1, intervals are Wilson's 95 %.

    Attributes:
        threshold: a face whose top score is below this is `uncertain`.
        answered: share of the faces that are answered.
        accuracy: share of correct answers among them; None if none is answered.
        accuracy_unanswered: share of the faces that are not answered which would have been answered correctly; None
            if all are answered.
        net: correct answers minus wrong ones, as a share of all faces.
    """

    threshold: float
    answered: float
    accuracy: Estimate | None
    accuracy_unanswered: Estimate | None
    net: float


@dataclass(frozen=True)
class SelectiveAccuracy:
    """Accuracy against the share of answered faces.

    Attributes:
        rows: one for each threshold, ascending.
        best: the threshold with the largest `net`, the lowest of them if there are several: the answers that it
            withholds are more often wrong than right (Chow, On optimum recognition error and reject tradeoff, IEEE
            Transactions on Information Theory 16, 1970, where a wrong answer costs as much as a correct one gains).
        default: what the threshold of `mien run` does.
    """

    rows: tuple[SelectiveRow, ...]
    best: float
    default: SelectiveRow

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "rows": [asdict(row) for row in self.rows]}


def measure_selective(
    probabilities: npt.NDArray[np.floating[Any]], class_ids: npt.NDArray[np.int64]
) -> SelectiveAccuracy:
    """Measure what the thresholds do.

    Args:
        probabilities: `(n, n_classes)` float, 0..1, at least one face.
        class_ids: `(n,)` int64, the labeled class of each face.
    """
    rows = tuple(map(_row, selective_accuracy(probabilities, class_ids)))
    (default,) = selective_accuracy(probabilities, class_ids, (UNCERTAIN_BELOW,))
    return SelectiveAccuracy(rows, best_threshold(rows), _row(default))


def best_threshold(rows: Sequence[SelectiveRow]) -> float:
    """Return the threshold with the largest `net`; the lowest of them if there are several."""
    return max(rows, key=lambda row: (row.net, -row.threshold)).threshold


def _row(point: SelectivePoint) -> SelectiveRow:
    unanswered = point.n - point.answered
    return SelectiveRow(
        point.threshold,
        point.share,
        wilson(point.correct, point.answered) if point.answered else None,
        wilson(point.correct_unanswered, unanswered) if unanswered else None,
        (2 * point.correct - point.answered) / point.n if point.n else 0.0,
    )
