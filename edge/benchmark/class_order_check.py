"""In which order a network has its classes, tried out on faces: many are trained on folders in alphabetical order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.benchmark.intervals import mcnemar_of_counts
from edge.datasets.class_order import common_orders

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
        used, better = f"{self.accuracy_used:.1%}", f"{self.accuracy_better:.1%}"
        return f"{used} of {self.n} faces are right, {better} if the order is {self.name}"


def find_better_order(confusion: Sequence[Sequence[int]], labels: tuple[str, ...]) -> BetterOrder | None:
    """Return the order of the classes in which far more predictions are right; None if there is none.

    Args:
        confusion: rows are labeled classes, columns are the outputs with the highest score, both in the order of
            `labels`, in faces.
        labels: the classes in the order that is used.
    """
    faces = np.array(confusion)
    n, right, used = int(faces.sum()), int(np.trace(faces)), np.arange(len(labels))
    best: BetterOrder | None = None
    for name, order in common_orders(labels).items():
        # The label of each output, if the network has this order.
        named = np.array([labels.index(label) for label in order])
        moved = named != used
        only_other, only_used = int(faces[named, used][moved].sum()), int(faces[used, used][moved].sum())
        accuracy = (right + only_other - only_used) / n
        least = best.accuracy_better if best else right / n + _LEAST_GAIN
        if accuracy >= least and mcnemar_of_counts(only_other, only_used) <= _GREATEST_P:
            best = BetterOrder(name, right / n, accuracy, n)
    return best
