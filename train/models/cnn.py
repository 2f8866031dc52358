"""`cnn`: the textbook network. Blocks of two convolutions, pooling and dropout; one dense layer; softmax."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from edge.inference.contract import INPUT_SIZE
from train.models.architecture import Architecture


class CNN(Architecture):
    """The textbook convolutional network."""

    @staticmethod
    def build(
        n_classes: int, widths: Sequence[int] = (32, 64, 128, 256), dense: int = 256, dropout: float = 0.35
    ) -> keras.Model:
        """Build the network; see `Architecture.build`.

        Args:
            n_classes: width of the softmax.
            widths: channels of each block; every block halves height and width.
            dense: width of the hidden dense layer.
            dropout: share dropped after each block in training; after the dense layer it is one half.
        """
        pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
        x = layers.Rescaling(1 / 255, name="normalize")(x)
        for i, width in enumerate(widths, start=1):
            for j in (1, 2):
                name = f"block{i}_conv{j}"
                x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)
                # Keras' default of 0.99 would not have converged after a short run on few faces.
                x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
                x = layers.ReLU(name=f"{name}_relu")(x)
            x = layers.MaxPooling2D(name=f"block{i}_pool")(x)
            x = layers.Dropout(dropout, name=f"block{i}_dropout")(x)
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(dense, use_bias=False, name="dense")(x)
        x = layers.BatchNormalization(momentum=0.9, name="dense_bn")(x)
        x = layers.ReLU(name="dense_relu")(x)
        x = layers.Dropout(0.5, name="dense_dropout")(x)
        x = layers.Dense(n_classes, name="logits")(x)
        scores = layers.Softmax(dtype="float32", name="scores")(x)
        return keras.Model(pixels, scores, name="cnn")
