"""`resnet50`: ResNet50 (He et al., 2015) of keras.applications, without its ImageNet head."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.contract import INPUT_SIZE
from train.models.imagenet import classification_head, imagenet_input


def build(
    n_classes: int,
    input_size: int = INPUT_SIZE,
    dense: Sequence[int] = (),
    dropout: Sequence[float] = (),
    l2: float = 0.0,
) -> keras.Model:
    """Build the network with random weights.

    Args:
        n_classes: width of the softmax.
        input_size: height and width that a face is enlarged to inside the graph.
        dense: widths of the hidden dense layers.
        dropout: share dropped after each of them in training.
        l2: penalty on their weights.
    """
    pixels, x = imagenet_input("caffe", input_size)
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x)
    scores = classification_head(backbone.output, n_classes, list(dense), list(dropout), l2)
    return keras.Model(pixels, scores, name="resnet50")
