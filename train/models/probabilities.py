"""Probabilities of networks that return logits, as losses with `from_logits=True` and PyTorch's take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.inference.pixel_mapping import AS_PIXELS
from train.backend import import_keras

Outputs = npt.NDArray[np.float32]
#: How far the sum of probabilities may be from 1, and how far each of them may be rounded: half a step of 8 bits.
SUM_TOLERANCE, ROUNDING = 1e-2, 0.5 / 256
_LEAST = -1e-3
_EXAMPLES = 2


def are_probabilities(outputs: Outputs) -> bool:
    """Whether all rows of `(n, classes)` are probabilities; not if one of them is NaN."""
    tolerance = SUM_TOLERANCE + ROUNDING * outputs.shape[1]
    return bool(outputs.min() >= _LEAST and np.abs(outputs.sum(axis=1) - 1).max() <= tolerance)


def needs_softmax(outputs: Outputs, path: Path) -> bool:
    """Whether a network's outputs are logits.

    Args:
        outputs: `(n, classes)`, for any images.
        path: of the network, for the error message.

    Raises:
        ModelError: they are neither logits nor probabilities of one class.
    """
    if not np.isfinite(outputs).all() or are_probabilities(outputs):
        return False
    if outputs.min() >= 0 and outputs.max() <= 1:
        raise ModelError(
            f"the outputs of {path} are between 0 and 1, and do not sum to 1: expected logits or a softmax"
        )
    return True


def softmax(logits: Outputs) -> Outputs:
    """Return the probabilities of logits `(n, classes)`."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Outputs = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def example_faces(shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Return noise, by which logits and probabilities can be distinguished: `(n, H, H, channels)`, 0 to 255."""
    noise = np.random.default_rng(0).integers(0, 256, (_EXAMPLES, *shape[:2])).astype(np.uint8)
    return AS_PIXELS.values(noise, shape)


def with_probabilities(model: Any, path: Path) -> Any:
    """Return a Keras model that returns probabilities: with a softmax behind it, where it returns logits.

    Raises:
        ModelError: its outputs are neither logits nor probabilities of one class.
    """
    keras = import_keras()
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax:
        return model
    outputs = np.asarray(model.predict(example_faces(model.input_shape[1:]), verbose=0), np.float32)
    if not needs_softmax(outputs, path):
        return model
    scores = keras.layers.Softmax(name="added_softmax")(model.outputs[0])
    return keras.Model(model.inputs, scores, name=model.name)
