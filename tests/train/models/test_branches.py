"""Convolutions with branches compute the same after they were folded into one."""

import keras
import numpy as np
import pytest

from train.models import build_model, find_architecture
from train.models.branches import branched_convolution, fold_branches
from train.recipes.schema import load_recipe


def _as_if_trained(model, rng):
    """Give the normalizations of a network statistics, factors and offsets other than 0 and 1."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            ranges = ((0.2, 0.6), (-0.3, 0.3), (-0.3, 0.3), (0.5, 2))
            weights = zip(layer.get_weights(), ranges, strict=True)
            layer.set_weights([rng.uniform(*each, weight.shape) for weight, each in weights])


def _logits(model, faces):
    return np.asarray(keras.Model(model.input, model.get_layer("logits").output)(faces, training=False))


@pytest.mark.parametrize("name", ["mien-nano", "mien-small"])
def test_folded_branches_give_the_same_logits(name):
    rng = np.random.default_rng(0)
    recipe = load_recipe(name)
    model = build_model("mien", 7, {**recipe.model, "branches": True})
    _as_if_trained(model, rng)
    folded = find_architecture("mien").folded(model, 7, **{**recipe.model, "branches": True})
    plain = build_model("mien", 7, recipe.model)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in plain.layers]
    assert folded.count_params() < model.count_params()
    faces = rng.integers(0, 256, (8, 48, 48, 1)).astype(np.float32)
    expected, found = _logits(model, faces), _logits(folded, faces)
    spread = expected.std(axis=0).min()  # The faces get different logits.
    assert spread > 0
    np.testing.assert_allclose(found, expected, atol=1e-3 * spread)


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize(("stride", "channels"), [(1, 3), (1, 4), (2, 3), (2, 4)])
def test_a_convolution_folds_at_every_size_and_stride(size, stride, channels):
    rng = np.random.default_rng(size)
    x = keras.Input((size, size, channels))
    branched = keras.Model(x, branched_convolution(x, 4, stride, "conv"))
    _as_if_trained(branched, rng)
    y = keras.layers.Conv2D(4, 3, stride, padding="same", use_bias=False, name="conv")(x)
    plain = keras.Model(x, keras.layers.BatchNormalization(name="conv_bn")(y))
    fold_branches(branched, plain)
    maps = rng.normal(size=(2, size, size, channels)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(plain(maps)), np.asarray(branched(maps)), atol=1e-5)


def test_a_network_without_branches_stays_as_it_is():
    recipe = load_recipe("mien-nano")
    model = build_model("mien", 7, recipe.model)
    assert find_architecture("mien").folded(model, 7, **recipe.model) is model
