"""Whether a classifier is as sure as it is right: expected calibration error and its bins. numpy only, for a Pi."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bins of equal width, as Guo et al. (2017) have them.
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Faces whose answer got a score above `low` and up to `high`; the first bin holds a score of 0 too.

    Attributes:
        low, high: the bin's ends, 0..1.
        n: how many faces.
        confidence: their mean score; None where there are none.
        accuracy: the share of them that was answered rightly; None where there are none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Calibration of one classifier on one split.

    Attributes:
        ece: expected calibration error, 0..1; 0 is a model that is right as often as it says.
        bins: from low scores to high ones.
    """

    ece: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return asdict(self)


def measure_calibration(
    probabilities: npt.NDArray[np.floating[Any]], class_ids: npt.NDArray[np.int64], n_bins: int = BINS
) -> Calibration:
    """Compare the scores of the answers with how often they are right.

    `ECE = sum over bins of n_bin / n * |accuracy - confidence|`, over the most probable class of each face
    (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3).

    Args:
        probabilities: `(n, n_classes)` 0..1.
        class_ids: `(n,)` the labelled class of each face.
        n_bins: how many bins of equal width.
    """
    # float64: 0.7 in float32 is above 0.7, and would fall into the bin above.
    scores = probabilities.max(axis=1).astype(np.float64).round(6)
    right = probabilities.argmax(axis=1) == class_ids
    ends = np.arange(n_bins + 1) / n_bins
    # A dequantised softmax may end a hair beyond 1.
    positions = np.clip(np.searchsorted(ends, scores, side="left") - 1, 0, n_bins - 1)
    bins = []
    ece = 0.0
    for i in range(n_bins):
        here = positions == i
        n = int(here.sum())
        confidence = float(scores[here].mean()) if n else None
        accuracy = float(right[here].mean()) if n else None
        if confidence is not None and accuracy is not None:
            ece += n / len(scores) * abs(accuracy - confidence)
        bins.append(Bin(float(ends[i]), float(ends[i + 1]), n, confidence, accuracy))
    return Calibration(ece, tuple(bins))
