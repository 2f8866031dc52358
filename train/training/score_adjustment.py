"""Score adjustment: a temperature and a logit adjustment for a trained network, folded into its last layer.

The temperature calibrates the scores (Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
section 4.2). The logit adjustment adds `-strength * log(training share)` to the logit of each class, so that rare ones
are recognized more often (Menon et al., Long-tail learning via logit adjustment, ICLR 2021, section 4.2). The device
computes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.evaluation.calibration import measure_calibration
from train.models.last_layer import last_dense

#: The probability that replaces a 0, whose logarithm does not exist.
_FLOOR = 1e-6
_TEMPERATURES = np.round(np.arange(0.5, 2.001, 0.01), 2)
STRENGTHS = tuple(round(0.05 * i, 2) for i in range(21))
#: How much accuracy the choice of a strength may cost, in percentage points.
ACCURACY_LOSS_POINTS = 0.3


@dataclass(frozen=True)
class Quality:
    """How good adjusted scores are on a split; rates are 0..1."""

    accuracy: float
    macro_recall: float
    ece: float
    nll: float


@dataclass(frozen=True)
class ScoreAdjustment:
    """What is done to the logits: divided by the temperature, then shifted.

    Attributes:
        temperature: of the softmax.
        strength: factor of the logit adjustment, 0 for none.
        shifts: `(n,)` float64 with mean 0, added to the logits.
    """

    temperature: float
    strength: float
    shifts: npt.NDArray[np.float64]

    def __call__(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probabilities `(faces, n)` of logits `(faces, n)`."""
        adjusted = logits / self.temperature + self.shifts
        exponentials = np.exp(adjusted - adjusted.max(axis=1, keepdims=True))
        probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities

    def fold(self, model: keras.Model) -> None:
        """Change the last layer of a model, in place.

        Args:
            model: with a dense layer before the softmax, see `last_dense`.
        """
        layer = last_dense(model)
        kernel, bias = layer.get_weights()
        adjusted = bias / self.temperature + self.shifts
        layer.set_weights([kernel / self.temperature, adjusted.astype(bias.dtype)])


def log_scores(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return logits of which these probabilities are the softmax."""
    logits: npt.NDArray[np.float64] = np.log(np.maximum(probabilities, _FLOOR)).astype(np.float64)
    return logits


def best_temperature(logits: npt.NDArray[np.float64], class_ids: npt.NDArray[np.int64]) -> float:
    """Return the temperature, to two digits, with the least negative log-likelihood."""
    none = np.zeros(logits.shape[1])
    return float(min(_TEMPERATURES, key=lambda t: _nll(ScoreAdjustment(float(t), 0.0, none)(logits), class_ids)))


def adjustment_of(temperature: float, strength: float, training_ids: npt.NDArray[np.int64], n: int) -> ScoreAdjustment:
    """Return an adjustment by the class frequencies of the Training split.

    Args:
        temperature: of the softmax.
        strength: factor of the logit adjustment.
        training_ids: the labels of Training.
        n: number of classes; one without faces is not shifted.
    """
    counts = np.bincount(training_ids, minlength=n)
    shifts, present = np.zeros(n), counts > 0
    shifts[present] = -strength * np.log(counts[present] / counts.sum())
    shifts[present] -= shifts[present].mean()
    return ScoreAdjustment(temperature, strength, shifts)


def quality(probabilities: npt.NDArray[np.float64], class_ids: npt.NDArray[np.int64]) -> Quality:
    """Return how good scores are for labeled faces."""
    right = probabilities.argmax(axis=1) == class_ids
    recalls = [right[class_ids == class_id].mean() for class_id in np.unique(class_ids)]
    ece = measure_calibration(probabilities, class_ids).ece
    return Quality(float(right.mean()), float(np.mean(recalls)), ece, _nll(probabilities, class_ids))


def best_strength(table: dict[float, Quality], before: Quality) -> float:
    """Return the strength with the greatest macro recall that costs at most `ACCURACY_LOSS_POINTS`.

    Args:
        table: strength to quality; it has 0.
        before: without any adjustment.
    """
    least = before.accuracy - ACCURACY_LOSS_POINTS / 100
    return max((k for k in table if k == 0 or table[k].accuracy >= least), key=lambda k: table[k].macro_recall)


def _nll(probabilities: npt.NDArray[Any], class_ids: npt.NDArray[np.int64]) -> float:
    of_label = probabilities[np.arange(len(class_ids)), class_ids]
    return float(-np.log(np.maximum(of_label, _FLOOR)).mean())
