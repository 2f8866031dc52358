"""What the ImageNet families share: from grey pixels to the input that each was published with, in the graph.

They take RGB of 224x224 in a range of their own; here that comes about inside the model, so that `[batch, 48, 48,
1]` grey 0..255 goes in like everywhere else and no `preprocess_input` leaks out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from edge.inference.contract import INPUT_SIZE

#: Scale and offset of the three channels, from keras.applications.imagenet_utils.preprocess_input: `caffe` is
#: BGR minus the mean, `torch` is RGB / 255, then standardised.
NORMALISATION = {
    "caffe": ((1.0, 1.0, 1.0), (-103.939, -116.779, -123.68)),
    "torch": (
        tuple(1 / (255 * s) for s in (0.229, 0.224, 0.225)),
        tuple(-m / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))),
    ),
}


def imagenet_input(mode: str, input_size: int) -> tuple[Any, Any]:
    """The `pixels` input, and the tensor that the family's first layer expects.

    Grey to three normalised channels is one 1x1 convolution with fixed weights: exact, and one int8 operation.

    Args:
        mode: a key of `NORMALISATION`.
        input_size: height and width to enlarge the face to before the network, a multiple of 48.
    """
    times, rest = divmod(input_size, INPUT_SIZE)
    if times < 1 or rest:
        raise ValueError(f"input_size is {input_size}: expected a multiple of {INPUT_SIZE}")
    pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
    if times > 1:
        # Not Resizing: its checks would be left in the converted graph.
        x = layers.UpSampling2D(times, interpolation="bilinear", name="enlarge")(x)
    scale, offset = (np.array(values, np.float32) for values in NORMALISATION[mode])
    normalise = layers.Conv2D(3, 1, trainable=False, name="normalise")
    x = normalise(x)
    normalise.set_weights([scale.reshape(1, 1, 1, 3), offset])
    return pixels, x


def classification_head(x: Any, n_classes: int, dense: Sequence[int], dropout: Sequence[float], l2: float) -> Any:
    """Global average pooling, hidden dense layers with dropout, softmax in float32."""
    if len(dense) != len(dropout):
        raise ValueError(f"dense has {len(dense)} layers, dropout {len(dropout)}: expected as many")
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
    """A network of keras.applications between our pixels and a head of our own, with random weights.

    Args:
        application: such as `keras.applications.ResNet50`.
        mode: a key of `NORMALISATION`.
        n_classes: width of the softmax.
        input_size: height and width that a face is enlarged to inside the graph.
        dense: widths of the head's hidden dense layers.
        dropout: share dropped after each of them in training.
        l2: penalty on their weights.
    """
    pixels, x = imagenet_input(mode, input_size)
    backbone = application(include_top=False, weights=None, input_tensor=x)
    scores = classification_head(backbone.output, n_classes, dense, dropout, l2)
    return keras.Model(pixels, scores, name=application.__name__.lower())
