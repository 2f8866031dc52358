"""Logit adjustment: shifts the last layer's biases so that each class is predicted as often as it is labeled.

Soft labels and teachers put part of the probability of a fearful face on sadness. The probabilities are right, but an
uncertain class is rarely the most probable one any more: fear is predicted half as often as it is labeled. Shifting the
biases of the last layer moves the decision boundaries; the probabilities remain a softmax, and the device computes
nothing more. This is logit adjustment after training as in Menon et al., 2021, "Long-tail learning via logit
adjustment", with the frequencies of the predictions in place of those of the labels.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.evaluation.prediction import keras_metrics, keras_probabilities
from train.models.last_layer import last_dense
from train.recipes.schema import Fit

_FIRST_STEP, _STEPS = 0.2, 500
#: The probability that replaces a 0, whose logarithm does not exist.
_FLOOR = 1e-6


def adjust_if_configured(fit: Fit, model: keras.Model, training: Faces, validation: Faces) -> dict[str, Any]:
    """Shift the biases of a model's last layer in place, if the recipe has a `logit_adjustment`.

    Args:
        fit: the recipe's settings.
        model: with a dense layer before the softmax, see `last_dense`.
        training: the Training faces.
        validation: the faces to score before the adjustment.

    Returns:
        For `metrics.json`: `logit_adjustment`, label to what was added to its bias, and `before_logit_adjustment`, the
        scores before; empty if nothing was adjusted.
    """
    if not fit.logit_adjustment:
        return {}
    before = keras_metrics(model, validation, fit.batch_size)
    shifts = adjust_logits(model, training, fit.logit_adjustment, fit.batch_size)
    scores = {"accuracy": before.accuracy, "macro_f1": before.macro_f1}
    adjusted = {"logit_adjustment": shifts, "before_logit_adjustment": scores}
    # The former names stay beside the new ones, for scripts that read them.
    return {**adjusted, "balance": shifts, "before_balance": scores}


def adjust_logits(model: keras.Model, training: Faces, share: float, batch_size: int) -> dict[str, float]:
    """Shift the biases of a model's last layer, in place.

    Args:
        model: with a dense layer before the softmax, see `last_dense`.
        training: the Training faces, without augmentation.
        share: of the way to predictions as frequent as the labels, 0..1.
        batch_size: faces in one batch.

    Returns:
        Label to what was added to its bias.
    """
    probabilities = keras_probabilities(model, training.images, batch_size)
    shifts = share * logit_shifts(probabilities, training.class_ids)
    layer = last_dense(model)
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + shifts.astype(bias.dtype)])
    return {label: float(shift) for label, shift in zip(training.labels, shifts, strict=True)}


def logit_shifts(probabilities: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What to add to each logit so that each class is predicted as often as it is labeled.

    Args:
        probabilities: `(n, n_classes)`.
        class_ids: `(n,)` the labels.

    Returns:
        `(n_classes,)` with mean 0; 0 for a class without faces.
    """
    n, n_classes = probabilities.shape
    logits = np.log(np.maximum(probabilities, _FLOOR)).astype(np.float64)
    labeled = np.bincount(class_ids, minlength=n_classes) / n
    present = labeled > 0
    shifts = np.zeros(n_classes)
    for i in range(_STEPS):
        predicted = np.bincount((logits + shifts).argmax(axis=1), minlength=n_classes) / n
        # The steps shrink, because the frequencies of the predictions change in jumps.
        step = _FIRST_STEP * (1 - i / _STEPS)
        shifts[present] += step * (np.log(labeled[present]) - np.log(np.maximum(predicted[present], 0.5 / n)))
    shifts[present] -= shifts[present].mean()
    return shifts
