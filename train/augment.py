"""Augmentation as Keras layers in front of the model: active in training only, never in the saved model."""

from __future__ import annotations

import keras
from keras import layers

from edge.contract import INPUT_SIZE
from train.recipe import Augment


def build_augmenter(augment: Augment, seed: int) -> keras.Sequential | None:
    """The layers that a recipe's `[augment]` asks for, or None where it asks for none.

    They take and give `[batch, 48, 48, 1]` pixels 0..255 in float32, whatever the precision of the model:
    bfloat16 has no room for a pixel's eight bits and a rotation's interpolation.
    """
    if not augment.enabled:
        return None
    wanted: list[keras.Layer] = []
    if augment.flip:
        wanted.append(layers.RandomFlip("horizontal", seed=seed, dtype="float32"))
    if augment.rotation_deg:
        turn = augment.rotation_deg / 360
        wanted.append(layers.RandomRotation(turn, fill_mode="nearest", seed=seed + 1, dtype="float32"))
    if augment.zoom:
        wanted.append(layers.RandomZoom(augment.zoom, fill_mode="nearest", seed=seed + 2, dtype="float32"))
    if augment.shift:
        wanted.append(
            layers.RandomTranslation(augment.shift, augment.shift, fill_mode="nearest", seed=seed + 3, dtype="float32")
        )
    if augment.brightness:
        wanted.append(layers.RandomBrightness(augment.brightness, (0, 255), seed=seed + 4, dtype="float32"))
    if augment.contrast:
        wanted.append(layers.RandomContrast(augment.contrast, (0, 255), seed=seed + 5, dtype="float32"))
    if augment.erasing:
        # As a pair: a single number would be the upper bound of a probability drawn anew for each face.
        share = (augment.erasing, augment.erasing)
        wanted.append(layers.RandomErasing(share, fill_value=128.0, seed=seed + 6, dtype="float32"))
    return keras.Sequential([keras.Input((INPUT_SIZE, INPUT_SIZE, 1)), *wanted], name="augment")
