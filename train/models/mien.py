"""`mien`: the edge family. A residual network (He et al., 2015) of plain 3x3 convolutions, batch norm, ReLU.

Nothing in it that LiteRT would not run in int8 under XNNPACK. The normalisation has no offset, so that it can
merge into the first convolution exactly, zero padding included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from edge.contract import INPUT_SIZE


def build(n_classes: int, widths: Sequence[int] = (32, 64, 128), blocks: int = 2, stem_stride: int = 2) -> keras.Model:
    """Build the network.

    Args:
        n_classes: width of the softmax.
        widths: channels of each stage; every stage but the first halves height and width.
        blocks: residual blocks a stage.
        stem_stride: stride of the first convolution; 2 quarters the cost of all that follows.
    """
    pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="normalise")(x)
    x = _conv_bn(x, widths[0], 3, stem_stride, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    for i, width in enumerate(widths, start=1):
        for j in range(1, blocks + 1):
            x = _residual(x, width, 2 if i > 1 and j == 1 else 1, f"stage{i}_block{j}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(n_classes, name="logits")(x)
    scores = layers.Softmax(dtype="float32", name="scores")(x)
    return keras.Model(pixels, scores, name="mien")


def _residual(x: Any, width: int, stride: int, name: str) -> Any:
    shortcut = x if stride == 1 else _conv_bn(x, width, 1, stride, f"{name}_shortcut")
    x = _conv_bn(x, width, 3, stride, f"{name}_conv1")
    x = layers.ReLU(name=f"{name}_conv1_relu")(x)
    x = _conv_bn(x, width, 3, 1, f"{name}_conv2")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
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
