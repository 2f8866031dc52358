"""Answers as frequent as the labels: what a network that was taught doubt leaves out of its hard classes.

Soft labels and teachers say of a fearful face that it might be a sad one. The probabilities are right, but the most
probable class is rarely the doubtful one any more: fear is answered half as often as it is labelled. Shifting the
biases of the last layer moves the borders between the classes; the probabilities stay a softmax, and the device
computes nothing more (logit adjustment after training, as in Menon et al., 2021, with the answers' frequencies in the
place of the labels').
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.evaluation.prediction import keras_probabilities, keras_scores
from train.recipes.schema import Fit

#: Name of the layer before the softmax, in every architecture here.
LOGITS = "logits"
_STEP, _STEPS = 0.2, 500
#: What a probability of 0 counts as.
_FLOOR = 1e-6


def balance_by(fit: Fit, model: keras.Model, training: Faces, validation: Faces) -> dict[str, Any]:
    """Shift the biases of a model's last layer, in place, where a recipe says so.

    Returns:
        What was done, and the scores on `validation` before, for `metrics.json`; nothing where nothing was.
    """
    if not fit.balance:
        return {}
    before = keras_scores(model, validation, fit.batch_size)
    shifts = balance_answers(model, training, fit.balance, fit.batch_size)
    return {"balance": shifts, "before_balance": {"accuracy": before.accuracy, "macro_f1": before.macro_f1}}


def balance_answers(model: keras.Model, training: Faces, share: float, batch_size: int) -> dict[str, float]:
    """Shift the biases of a model's last layer, in place.

    Args:
        model: with a layer `logits` that has a bias.
        training: the Training faces, as they are.
        share: of the way to answers as frequent as the labels, 0..1.
        batch_size: faces at once.

    Returns:
        Label to what was added to its bias.
    """
    probabilities = keras_probabilities(model, training.images, batch_size)
    shifts = share * balancing_shifts(probabilities, training.class_ids)
    layer = model.get_layer(LOGITS)
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + shifts.astype(bias.dtype)])
    return {label: float(shift) for label, shift in zip(training.labels, shifts, strict=True)}


def balancing_shifts(
    probabilities: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """What to add to each logit so that each class is answered as often as it is labelled.

    Args:
        probabilities: `(n, n_classes)`.
        class_ids: `(n,)` the labels.

    Returns:
        `(n_classes,)`, their mean 0; 0 for a class without a face.
    """
    n, n_classes = probabilities.shape
    logits = np.log(np.maximum(probabilities, _FLOOR)).astype(np.float64)
    wanted = np.bincount(class_ids, minlength=n_classes) / n
    seen = wanted > 0
    shifts = np.zeros(n_classes)
    for i in range(_STEPS):
        answers = np.bincount((logits + shifts).argmax(axis=1), minlength=n_classes) / n
        # Smaller and smaller steps: the answers move in jumps.
        step = _STEP * (1 - i / _STEPS)
        shifts[seen] += step * (np.log(wanted[seen]) - np.log(np.maximum(answers[seen], 0.5 / n)))
    shifts[seen] -= shifts[seen].mean()
    return shifts
