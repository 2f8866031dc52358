from importlib.metadata import EntryPoint

import keras
import numpy as np
import pytest

from edge.errors import DataError, WrongUseError
from train.models import Architecture, build_model
from train.recipes.schema import load_recipe


@pytest.mark.parametrize("name", ["simple-nn", "cnn", "mien-small"])
def test_a_model_takes_pixels_and_gives_probabilities(name):
    recipe = load_recipe(name)
    model = build_model(recipe.architecture, 8, recipe.model)
    assert model.input_shape == (None, 48, 48, 1)
    out = np.asarray(model(np.full((2, 48, 48, 1), 255, np.float32)))
    assert out.shape == (2, 8)
    assert out.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert len({layer.name for layer in model.layers}) == len(model.layers)


def test_the_edge_family_has_the_size_it_is_known_by():
    recipe = load_recipe("mien-small")
    assert build_model("mien", 7, recipe.model).count_params() == 697_895


def test_the_edge_family_with_and_without_shortcuts():
    def kinds(**model):
        names = [layer.name for layer in build_model("mien", 7, {"widths": [8, 16], "blocks": [1, 2], **model}).layers]
        return sum(name.endswith("_add") for name in names), names

    added, names = kinds()
    assert added == 3
    assert "stage2_block2_conv2" in names
    assert "dropout" not in names
    assert "entry" not in names
    assert "entry" in kinds(entry_width=4)[1]
    added, names = kinds(shortcuts=False, dropout=0.2, stem_width=4)
    assert added == 0
    assert "dropout" in names
    convolutions = [name for name in names if name in ("stem", "stage1_block1", "stage2_block1", "stage2_block2")]
    assert len(convolutions) == 4
    with pytest.raises(DataError, match="blocks of 1 stages, widths of 2: expected the same number"):
        kinds(blocks=[2])


def test_the_edge_family_with_pooling_and_a_dense_layer():
    plain = build_model("mien", 7, {"widths": [4, 8, 16], "blocks": 1, "shortcuts": False})
    pooled = build_model(
        "mien", 7, {"widths": [4, 8, 16], "blocks": 1, "shortcuts": False, "pooling": True, "dense": 9}
    )
    assert pooled.get_layer("stage3_block1").strides == (1, 1)
    assert pooled.get_layer("stage3_block1").output.shape == plain.get_layer("stage3_block1").output.shape
    assert pooled.get_layer("flatten").output.shape == (None, 3 * 3 * 16)
    assert pooled.get_layer("logits").input.shape == (None, 9)


@pytest.mark.slow
def test_the_blocks_of_an_untrained_resnet_start_as_the_identity():
    model = build_model("resnet50", 7, {})
    blocks = [model.get_layer(f"conv4_block{i}_out").output for i in (1, 6)]
    first, last = keras.Model(model.input, blocks)(np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)))
    assert np.asarray(first).max() > 0
    np.testing.assert_array_equal(np.asarray(first), np.asarray(last))


def test_unknown_architectures_and_arguments():
    with pytest.raises(WrongUseError, match="expected one of simple-nn"):
        build_model("alexnet", 7, {})
    with pytest.raises(DataError, match=r"\[model\] does not fit cnn"):
        build_model("cnn", 7, {"depth": 3})
    with pytest.raises(DataError, match=r"\[model\] does not fit cnn"):
        build_model("cnn", 7, {"dropout": 2.0})


class Tiny(Architecture):
    """An architecture of another package."""

    @staticmethod
    def build(n_classes, units=3):
        pixels = keras.Input((48, 48, 1))
        x = keras.layers.Dense(units)(keras.layers.Flatten()(pixels))
        return keras.Model(pixels, keras.layers.Softmax()(keras.layers.Dense(n_classes, name="logits")(x)))


def test_an_entry_point_adds_an_architecture(monkeypatch):
    entry = EntryPoint("tiny", f"{__name__}:Tiny", "mien.architectures")
    monkeypatch.setattr("edge.system.registry.entry_points", lambda group: [entry] * (group == entry.group))
    assert build_model("tiny", 5, {"units": 2}).output_shape == (None, 5)
    with pytest.raises(DataError, match=r"\[model\] does not fit tiny"):
        build_model("tiny", 5, {"depth": 2})
    with pytest.raises(WrongUseError, match="mien, tiny"):
        build_model("alexnet", 5, {})
