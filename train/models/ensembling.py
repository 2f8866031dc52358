"""Merges several networks into one graph that outputs the softmax of the mean of their logits.

Networks that were trained separately make different errors; their mean is right more often than the best of them
(Lakshminarayanan et al., 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles"). Each
member keeps its layers up to the last one. The last layers are merged into one dense layer over the concatenated
features, with each member's weights divided by the number of members: this is exactly the mean of the logits, and in
int8 it costs one rounding and no addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from edge.errors import ModelError
from edge.inference.contract import INPUT_SIZE
from train.models.last_layer import LOGITS, last_dense


def merge(members: Sequence[keras.Model], names: Sequence[str]) -> keras.Model:
    """Merge several networks into one.

    Args:
        members: each from `[batch, 48, 48, 1]` to a softmax over the same classes, with a layer `logits` before it.
        names: names of the members, for error messages.

    Raises:
        ModelError: a member has no such layer, other classes, or another input.
    """
    pixels = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
    features: list[Any] = []
    kernels: list[npt.NDArray[np.float32]] = []
    biases: list[npt.NDArray[np.float32]] = []
    for i, (member, name) in enumerate(zip(members, names, strict=True), start=1):
        if member.input_shape[1:] != (INPUT_SIZE, INPUT_SIZE, 1):
            raise ModelError(f"{name} takes {member.input_shape}: expected (None, {INPUT_SIZE}, {INPUT_SIZE}, 1)")
        try:
            last = last_dense(member)
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from error
        if last.input.shape[1] is None:
            raise ModelError(f"{name}: the input of its last dense layer has no fixed size")
        if kernels and last.units != kernels[0].shape[1]:
            raise ModelError(f"{name} has {last.units} classes, {names[0]} {kernels[0].shape[1]}: expected the same")
        body = keras.Model(member.inputs, last.input, name=f"member{i}")
        features.append(body(pixels))
        kernel, bias = last.get_weights()
        kernels.append(kernel)
        biases.append(bias)
    n_classes = kernels[0].shape[1]
    logits = layers.Dense(n_classes, name=LOGITS)
    scores = layers.Softmax(dtype="float32", name="scores")(logits(layers.Concatenate(name="features")(features)))
    logits.set_weights([np.concatenate(kernels) / len(members), np.mean(biases, axis=0)])
    return keras.Model(pixels, scores, name="ensemble")
