"""Convolutions with branches for training, which are folded into one afterwards (Ding et al., 2021, "RepVGG").

Beside a 3x3 convolution and its batch normalization stand a 1x1 convolution with one of its own and, where the shape
stays, a batch normalization alone; the branches are added up. All of it is linear in what a trained network computes,
so that one 3x3 convolution gives the same result.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

#: What the names of the branches end with, after the name of the convolution.
_POINTWISE, _IDENTITY, _SUM = "_pointwise", "_identity_bn", "_sum"


def convolution(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    """Return a convolution over `x` `[batch, height, width, channels]`, and its batch normalization."""
    x = layers.Conv2D(
        width,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def branched_convolution(x: Any, width: int, stride: int, name: str) -> Any:
    """Return the sum of the branches over `x`.

    Args:
        x: `[batch, height, width, channels]`.
        width: channels of the result.
        stride: of the convolutions; with 1 and the same channels there is an identity branch.
        name: of the 3x3 convolution.
    """
    branches = [
        convolution(x, width, 3, stride, name),
        convolution(x, width, 1, stride, name + _POINTWISE),
    ]
    if stride == 1 and x.shape[-1] == width:
        branches.append(layers.BatchNormalization(name=name + _IDENTITY)(x))
    return layers.Add(name=name + _SUM)(branches)


def has_branches(model: keras.Model) -> bool:
    """Whether a network has convolutions with branches."""
    return any(layer.name.endswith(_SUM) for layer in model.layers)


def fold_branches(model: keras.Model, plain: keras.Model) -> None:
    """Give `plain` the weights with which it computes what `model` does.

    Args:
        model: a trained network with branches.
        plain: the same network without them, its layers under the same names; its weights are replaced.
    """
    folded = {
        name: _folded(model, name)
        for name in (layer.name.removesuffix(_SUM) for layer in model.layers if layer.name.endswith(_SUM))
    }
    for layer in plain.layers:
        name = layer.name.removesuffix("_bn")
        if name not in folded:
            layer.set_weights(model.get_layer(layer.name).get_weights())
            continue
        kernel, offset = folded[name]
        if isinstance(layer, layers.Conv2D):
            layer.set_weights([kernel])
        else:
            # A normalization that only adds: its variance and epsilon sum to 1.
            variance = np.full_like(offset, 1 - layer.epsilon)
            layer.set_weights([np.ones_like(offset), offset, np.zeros_like(offset), variance])


def _folded(model: keras.Model, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The 3x3 kernel `(3, 3, in, out)` and the offset `(out,)` of a convolution with its branches."""
    kernel = np.asarray(model.get_layer(name).get_weights()[0], np.float64)
    # `same` with a stride of 2 over an even size pads only below and to the right: 1x1 then meets the first position.
    rows, columns = model.get_layer(name).input.shape[1:3]
    stride = model.get_layer(name).strides[0]
    y, x = (_position(size, stride) for size in (rows, columns))
    total, offset = np.zeros_like(kernel), np.zeros(kernel.shape[-1])
    pointwise = np.zeros_like(kernel)
    pointwise[y, x] = model.get_layer(name + _POINTWISE).get_weights()[0][0, 0]
    branches = [(kernel, f"{name}_bn"), (pointwise, f"{name}{_POINTWISE}_bn")]
    if any(layer.name == name + _IDENTITY for layer in model.layers):
        identity = np.zeros_like(kernel)
        identity[y, x] = np.eye(kernel.shape[-1])
        branches.append((identity, name + _IDENTITY))
    for weights, normalization in branches:
        layer = model.get_layer(normalization)
        gamma, beta, mean, variance = (np.asarray(each, np.float64) for each in layer.get_weights())
        factor = gamma / np.sqrt(variance + layer.epsilon)
        total += weights * factor
        offset += beta - mean * factor
    return total.astype(np.float32), offset.astype(np.float32)


def _position(size: int, stride: int) -> int:
    """Where in a 3x3 kernel, under `same`, the pixel lies that a 1x1 kernel with the same stride reads."""
    padding = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return padding // 2
