"""`densenet121`: DenseNet121 (Huang et al., 2016) from keras.applications, with a classification head of mien's."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from edge.inference.contract import INPUT_SIZE
from train.models import imagenet
from train.models.architecture import Architecture


class DenseNet121(Architecture):
    """DenseNet121 between gray pixels and a classification head."""

    enlarges = True
    application = "DenseNet121"
    weights_file = "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @staticmethod
    def build(
        n_classes: int,
        input_size: int = INPUT_SIZE,
        dense: Sequence[int] = (256, 1024, 512),
        dropout: Sequence[float] = (0.3, 0.5, 0.5),
        l2: float = 1e-4,
    ) -> keras.Model:
        """Build the network: see `imagenet.build` for the arguments."""
        application = keras.applications.DenseNet121
        return imagenet.build(
            application, "torch", n_classes, input_size=input_size, dense=dense, dropout=dropout, l2=l2
        )
