"""Keras models built again: in float32, without augmentation, and without loops."""

import keras
import numpy as np
import pytest

from train.models.keras_files import load_keras_model
from train.models.rebuilding import for_export, in_float32

pytestmark = pytest.mark.slow
FACES = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1)).astype(np.float32)


def network(*layers, shape=(48, 48, 1)):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(7, activation="softmax")])


def test_a_model_that_needs_nothing_is_itself():
    model = network(keras.layers.Flatten())
    assert for_export(model) is model
    assert in_float32(model) is model


def test_augmentation_is_left_out_and_the_scores_stay():
    model = network(
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.2),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, 2),
        keras.layers.Flatten(),
    )
    again = for_export(model)
    kinds = [type(layer).__name__ for layer in again.layers]
    assert kinds[:2] == ["Identity", "Identity"]
    assert np.asarray(again(FACES, training=True)) == pytest.approx(np.asarray(model(FACES, training=False)), abs=1e-5)


def test_augmentation_inside_a_nested_model_is_left_out_too():
    pixels = keras.Input((48, 48, 1))
    front = keras.Sequential([keras.layers.RandomContrast(0.5), keras.layers.Rescaling(1 / 255)])
    flat = keras.layers.Flatten()(front(pixels))
    model = keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(flat))
    again = for_export(model)
    assert not [layer for layer in again._flatten_layers() if type(layer).__name__ == "RandomContrast"]
    assert np.asarray(again(FACES)) == pytest.approx(np.asarray(model(FACES, training=False)), abs=1e-5)


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("both_ways", [False, True])
def test_recurrent_layers_are_unrolled_and_the_scores_stay(cell, both_ways):
    layer = getattr(keras.layers, cell)(5)
    if both_ways:
        layer = keras.layers.Bidirectional(layer)
    model = network(keras.layers.Rescaling(1 / 255), keras.layers.Reshape((48, 48)), layer)
    again = for_export(model)
    assert np.asarray(again(FACES)) == pytest.approx(np.asarray(model(FACES)), abs=1e-5)
    loops = [inner for inner in again._flatten_layers() if isinstance(inner, keras.layers.RNN)]
    assert loops
    assert all(inner.unroll for inner in loops)


def test_mixed_precision_is_read_in_float32(tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network(
            keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3, 2), keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
        )  # fmt: skip
    finally:
        keras.config.set_dtype_policy(policy)
    model.save(tmp_path / "mixed.keras")
    again = load_keras_model(tmp_path / "mixed.keras")
    assert {layer.dtype_policy.compute_dtype for layer in again._flatten_layers()} == {"float32"}
    assert np.asarray(again(FACES)).dtype == np.float32
    # bfloat16 has eight bits.
    assert np.asarray(again(FACES)) == pytest.approx(np.asarray(model(FACES)).astype(np.float32), abs=0.05)
