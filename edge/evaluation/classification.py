"""Classification metrics: accuracy, macro-F1, recall of each class, confusion. They need numpy only, for a Pi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Metrics:
    """The metrics of one classifier on one split; rates are 0..1.

    Attributes:
        n: number of faces.
        accuracy: share of faces whose most probable class is the labeled one.
        macro_f1: mean F1 over the classes that occur or are predicted, as in scikit-learn.
        precision, recall, f1: label to rate.
        support: label to number of faces.
        confusion: rows are labeled classes, columns are predicted classes.
    """

    n: int
    accuracy: float
    macro_f1: float
    precision: dict[str, float]
    recall: dict[str, float]
    f1: dict[str, float]
    support: dict[str, int]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        return asdict(self)


def score(class_ids: IntArray, predictions: IntArray, labels: tuple[str, ...]) -> Metrics:
    """Compare predictions with labels.

    Args:
        class_ids: `(n,)` int64, the labeled class of each face.
        predictions: `(n,)` int64, the most probable class of each face.
        labels: class names; class ids are positions in it.
    """
    n_classes = len(labels)
    confusion = np.bincount(class_ids * n_classes + predictions, minlength=n_classes**2)
    confusion = confusion.reshape(n_classes, n_classes)
    hits = np.diag(confusion)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    recall = hits / np.maximum(support, 1)
    precision = hits / np.maximum(predicted, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    # A class that neither occurs nor is predicted carries no information about the model.
    seen = (support + predicted) > 0

    def by_label(values: npt.NDArray[Any]) -> dict[str, float]:
        return {label: float(value) for label, value in zip(labels, values, strict=True)}

    return Metrics(
        n=len(class_ids),
        accuracy=float(hits.sum() / max(len(class_ids), 1)),
        macro_f1=float(f1[seen].mean()) if seen.any() else 0.0,
        precision=by_label(precision),
        recall=by_label(recall),
        f1=by_label(f1),
        support={label: int(count) for label, count in zip(labels, support, strict=True)},
        confusion=confusion.tolist(),
    )


def above_chance(confusion: Sequence[Sequence[int]]) -> float:
    """Return how far the mean recall, over the classes that occur, is above that of guessing: at most 1 - 1 / classes.

    Args:
        confusion: rows are labeled classes, columns are predicted classes.
    """
    recalls = [row[i] / sum(row) for i, row in enumerate(confusion) if any(row)]
    return float(np.mean(recalls)) - 1 / len(recalls)
