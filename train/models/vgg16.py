"""`vgg16`: VGG16 (Simonyan & Zisserman, 2014) from keras.applications, with a classification head of mien's."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.inference.contract import INPUT_SIZE
from train.models import imagenet
from train.models.architecture import Architecture


class VGG16(Architecture):
    """VGG16 between gray pixels and a classification head."""

    enlarges = True
    application = "VGG16"
    weights_file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @staticmethod
    def build(
        n_classes: int,
        input_size: int = INPUT_SIZE,
        dense: Sequence[int] = (256,),
        dropout: Sequence[float] = (0.5,),
        l2: float = 0.0,
    ) -> keras.Model:
        """Build the network: see `imagenet.build` for the arguments."""
        return imagenet.build(
            keras.applications.VGG16, "caffe", n_classes, input_size=input_size, dense=dense, dropout=dropout, l2=l2
        )
