"""`simple-nn`: flatten, dense layers, softmax."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from edge.inference.contract import INPUT_SIZE
from train.models.architecture import Architecture


class SimpleNN(Architecture):
    """A network of dense layers alone: the baseline."""

    @staticmethod
    def build(n_classes: int, units: Sequence[int] = (512, 256), dropout: float = 0.3) -> keras.Model:
        """Build the network; see `Architecture.build`.

        Args:
            n_classes: width of the softmax.
            units: width of each hidden layer.
            dropout: share of each hidden layer's outputs that is dropped in training.
        """
        pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
        x = layers.Rescaling(1 / 255, name="normalize")(x)
        x = layers.Flatten(name="flatten")(x)
        for i, width in enumerate(units, start=1):
            x = layers.Dense(width, activation="relu", name=f"dense{i}")(x)
            x = layers.Dropout(dropout, name=f"dense{i}_dropout")(x)
        x = layers.Dense(n_classes, name="logits")(x)
        scores = layers.Softmax(dtype="float32", name="scores")(x)
        return keras.Model(pixels, scores, name="simple_nn")
