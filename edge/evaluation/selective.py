"""Selective accuracy: how accurate a classifier is on the faces that it answers, if it may leave faces unanswered.

A face is answered if its top score reaches a threshold, otherwise it is `uncertain`. Accuracy over the share of faces
that are answered is the complement of the risk-coverage curve of selective classification (El-Yaniv and Wiener, On the
Foundations of Noise-free Selective Classification, JMLR 11, 2010). It needs numpy only, for a Pi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: The thresholds of tables and charts: 0, where every face is answered, to 0.95.
THRESHOLDS = tuple(step / 20 for step in range(20))


@dataclass(frozen=True)
class SelectivePoint:
    """What one threshold does.

    Attributes:
        threshold: a face is answered if its top score is at least this, 0..1.
        n: number of all faces.
        answered: number of faces that are answered.
        correct: number of faces that are answered correctly.
        correct_unanswered: number of faces that would have been answered correctly, but are not answered.
    """

    threshold: float
    n: int
    answered: int
    correct: int
    correct_unanswered: int

    @property
    def share(self) -> float:
        """Share of the faces that are answered, 0..1 (the coverage)."""
        return self.answered / self.n if self.n else 0.0


def selective_accuracy(
    probabilities: npt.NDArray[np.floating[Any]],
    class_ids: npt.NDArray[np.int64],
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[SelectivePoint, ...]:
    """Count the answers, and the correct answers, at each threshold.

    Args:
        probabilities: `(n, n_classes)` float, 0..1.
        class_ids: `(n,)` int64, the labeled class of each face.
        thresholds: of the top score, 0..1.

    Returns:
        One point for each threshold, in the order of `thresholds`.
    """
    scores, correct = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == class_ids
    points = []
    for threshold in thresholds:
        answered = scores >= threshold
        points.append(
            SelectivePoint(
                threshold,
                len(scores),
                int(answered.sum()),
                int((correct & answered).sum()),
                int((correct & ~answered).sum()),
            )
        )
    return tuple(points)
