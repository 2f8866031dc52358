"""`resnet50`: ResNet50 (He et al., 2015) of keras.applications, with a head of our own."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.inference.contract import INPUT_SIZE
from train.models import imagenet


def build(
    n_classes: int,
    input_size: int = INPUT_SIZE,
    dense: Sequence[int] = (),
    dropout: Sequence[float] = (),
    l2: float = 0.0,
) -> keras.Model:
    """Build the network: see `imagenet.build`. Without pretrained weights a residual block starts as the identity."""
    model = imagenet.build(
        keras.applications.ResNet50, "caffe", n_classes, input_size=input_size, dense=dense, dropout=dropout, l2=l2
    )
    # Goyal et al., 2017, section 5.1: else the first epochs are noise.
    for layer in model.layers:
        if layer.name.endswith("_3_bn"):
            layer.gamma.assign(keras.ops.zeros_like(layer.gamma))
    return model
