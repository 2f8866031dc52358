"""The calibration of a classifier: expected calibration error and its bins. It needs numpy only, for a Pi."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Number of bins of equal width, as in Guo et al. (2017).
BINS = 15


@dataclass(frozen=True)
class Bin:
    """The faces whose top score is above `low` and at most `high`; the first bin includes a score of 0.

    Attributes:
        low, high: the limits of the bin, 0..1.
        n: number of faces.
        confidence: their mean top score; None if there are no faces.
        accuracy: share of correct predictions; None if there are no faces.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """The calibration of one classifier on one split.

    Attributes:
        ece: expected calibration error, 0..1; 0 for a model whose scores equal its accuracy.
        bins: in ascending order of the scores.
    """

    ece: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        return asdict(self)


def measure_calibration(
    probabilities: npt.NDArray[np.floating[Any]], class_ids: npt.NDArray[np.int64], n_bins: int = BINS
) -> Calibration:
    """Compare the scores of the predictions with how often they are correct.

    `ECE = sum over bins of n_bin / n * |accuracy - confidence|`, over the most probable class of each face
    (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3).

    Args:
        probabilities: `(n, n_classes)` float, 0..1.
        class_ids: `(n,)` int64, the labeled class of each face.
        n_bins: number of bins of equal width.
    """
    # float64, because 0.7 in float32 is above 0.7 and would fall into the next bin.
    scores = probabilities.max(axis=1).astype(np.float64).round(6)
    correct = probabilities.argmax(axis=1) == class_ids
    edges = np.arange(n_bins + 1) / n_bins
    # A dequantized softmax may slightly exceed 1.
    positions = np.clip(np.searchsorted(edges, scores, side="left") - 1, 0, n_bins - 1)
    bins = []
    ece = 0.0
    for i in range(n_bins):
        here = positions == i
        n = int(here.sum())
        confidence = float(scores[here].mean()) if n else None
        accuracy = float(correct[here].mean()) if n else None
        if confidence is not None and accuracy is not None:
            ece += n / len(scores) * abs(accuracy - confidence)
        bins.append(Bin(float(edges[i]), float(edges[i + 1]), n, confidence, accuracy))
    return Calibration(ece, tuple(bins))
