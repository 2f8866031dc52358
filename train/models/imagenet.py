"""What the ImageNet families share: the conversion of gray pixels to the published input format, and the head.

The families were published for RGB of 224x224 in an input range of their own. The conversion is part of the graph
here: like every architecture, they take `[batch, 48, 48, 1]` gray 0..255, and no caller needs `preprocess_input`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from edge.inference.contract import INPUT_SIZE

#: Scale and offset of the three channels, from keras.applications.imagenet_utils.preprocess_input: `caffe` is
#: BGR minus the mean, `torch` is RGB / 255, then standardized.
NORMALIZATION = {
    "caffe": ((1.0, 1.0, 1.0), (-103.939, -116.779, -123.68)),
    "torch": (
        tuple(1 / (255 * s) for s in (0.229, 0.224, 0.225)),
        tuple(-m / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))),
    ),
}


def imagenet_input(mode: str, input_size: int) -> tuple[Any, Any]:
    """The `pixels` input, and the tensor that the family's first layer expects.

    Gray to three normalized channels is one 1x1 convolution with fixed weights: exact, and one int8 operation.

    Args:
        mode: a key of `NORMALIZATION`.
        input_size: height and width in pixels to which the face is enlarged before the network, a multiple of 48.

    Raises:
        ValueError: `input_size` is not a multiple of 48.
    """
    return normalized_pixels(input_size, *NORMALIZATION[mode])


def normalized_pixels(input_size: int, scale: Sequence[float], offset: Sequence[float]) -> tuple[Any, Any]:
    """The `pixels` input, and the enlarged face times `scale` plus `offset`: a channel for each of them.

    Args:
        input_size: height and width in pixels to which the face is enlarged before the network, a multiple of 48.
        scale: factor of the pixels, for each channel.
        offset: what is added, for each channel.

    Raises:
        ValueError: `input_size` is not a multiple of 48.
    """
    factor, rest = divmod(input_size, INPUT_SIZE)
    if factor < 1 or rest:
        raise ValueError(f"input_size is {input_size}: expected a multiple of {INPUT_SIZE}")
    pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
    if factor > 1:
        # A Resizing layer would leave its checks in the converted graph.
        x = layers.UpSampling2D(factor, interpolation="bilinear", name="enlarge")(x)
    normalize = layers.Conv2D(len(scale), 1, trainable=False, name="normalize")
    x = normalize(x)
    normalize.set_weights([np.array(scale, np.float32).reshape(1, 1, 1, -1), np.array(offset, np.float32)])
    return pixels, x


def classification_head(x: Any, n_classes: int, dense: Sequence[int], dropout: Sequence[float], l2: float) -> Any:
    """Global average pooling, hidden dense layers with dropout, softmax in float32.

    Raises:
        ValueError: `dense` and `dropout` have different lengths.
    """
    if len(dense) != len(dropout):
        raise ValueError(f"dense has {len(dense)} layers, dropout {len(dropout)}: expected the same number")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    penalty = keras.regularizers.L2(l2) if l2 else None
    for i, (units, share) in enumerate(zip(dense, dropout, strict=True), start=1):
        x = layers.Dense(units, activation="relu", kernel_regularizer=penalty, name=f"dense{i}")(x)
        x = layers.Dropout(share, name=f"dense{i}_dropout")(x)
    x = layers.Dense(n_classes, name="logits")(x)
    return layers.Softmax(dtype="float32", name="scores")(x)


def build(
    application: Callable[..., keras.Model],
    mode: str,
    n_classes: int,
    *,
    input_size: int,
    dense: Sequence[int],
    dropout: Sequence[float],
    l2: float,
) -> keras.Model:
    """Build a network of keras.applications between gray pixels and a new head, with random weights.

    Args:
        application: such as `keras.applications.ResNet50`.
        mode: a key of `NORMALIZATION`.
        n_classes: width of the softmax.
        input_size: height and width in pixels to which the face is enlarged inside the graph.
        dense: widths of the head's hidden dense layers.
        dropout: share dropped after each of them in training.
        l2: L2 penalty on their weights.
    """
    pixels, x = imagenet_input(mode, input_size)
    backbone = application(include_top=False, weights=None, input_tensor=x)
    scores = classification_head(backbone.output, n_classes, dense, dropout, l2)
    return keras.Model(pixels, scores, name=application.__name__.lower())
