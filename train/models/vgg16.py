"""`vgg16`: VGG16 (Simonyan & Zisserman, 2014) of keras.applications, with a head of our own."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.inference.contract import INPUT_SIZE
from train.models import imagenet


def build(
    n_classes: int,
    input_size: int = INPUT_SIZE,
    dense: Sequence[int] = (256,),
    dropout: Sequence[float] = (0.5,),
    l2: float = 0.0,
) -> keras.Model:
    """Build the network: see `imagenet.build`."""
    return imagenet.build(
        keras.applications.VGG16, "caffe", n_classes, input_size=input_size, dense=dense, dropout=dropout, l2=l2
    )
