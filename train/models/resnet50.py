"""`resnet50`: ResNet50 (He et al., 2015) from keras.applications, with a classification head of mien's."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.inference.contract import INPUT_SIZE
from train.models import imagenet
from train.models.architecture import Architecture


class ResNet50(Architecture):
    """ResNet50 between gray pixels and a classification head."""

    enlarges = True
    application = "ResNet50"
    weights_file = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @staticmethod
    def build(
        n_classes: int,
        input_size: int = INPUT_SIZE,
        dense: Sequence[int] = (),
        dropout: Sequence[float] = (),
        l2: float = 0.0,
    ) -> keras.Model:
        """Build the network: see `imagenet.build` for the arguments.

        With random weights each residual block starts as the identity.
        """
        model = imagenet.build(
            keras.applications.ResNet50, "caffe", n_classes, input_size=input_size, dense=dense, dropout=dropout, l2=l2
        )
        # Goyal et al., 2017, section 5.1: otherwise the first epochs learn nothing.
        for layer in model.layers:
            if layer.name.endswith("_3_bn"):
                layer.gamma.assign(keras.ops.zeros_like(layer.gamma))
        return model
