"""In which order a network has its classes, tried out on faces: many are trained on folders in alphabetical order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import mcnemar
from edge.datasets.class_order import common_orders

Ids = npt.NDArray[np.int64]
#: Another order must read more faces by this share, and by chance in one of a thousand cases at most.
_LEAST_GAIN, _GREATEST_P = 0.08, 0.001


@dataclass(frozen=True)
class BetterOrder:
    """An order of the classes in which a network reads far more faces.

    Attributes:
        name: the word that `--class-order` takes.
        accuracy_used, accuracy_better: shares of the faces, 0..1.
        n: number of faces.
    """

    name: str
    accuracy_used: float
    accuracy_better: float
    n: int

    def __str__(self) -> str:
        return (
            f"{self.accuracy_used:.1%} of {self.n} faces are right, {self.accuracy_better:.1%} if the order is "
            f"{self.name}; give --class-order {self.name}"
        )


def find_better_order(predicted: Ids, class_ids: Ids, labels: tuple[str, ...]) -> BetterOrder | None:
    """Return the order of the classes in which far more predictions are right; None if there is none.

    Args:
        predicted: `(n,)` the output with the highest score for each face.
        class_ids: `(n,)` the labeled class of each, a position in `labels`.
        labels: the classes in the order that is used.
    """
    right = predicted == class_ids
    best: BetterOrder | None = None
    for name, order in common_orders(labels).items():
        found = np.array([labels.index(label) for label in order], np.int64)[predicted] == class_ids
        gain = found.mean() - (best.accuracy_better if best else right.mean() + _LEAST_GAIN)
        if gain >= 0 and mcnemar(found, right) <= _GREATEST_P:
            best = BetterOrder(name, float(right.mean()), float(found.mean()), len(class_ids))
    return best
