import sys
from importlib.metadata import EntryPoint

import keras
import numpy as np
import pytest

from edge.errors import DataError, ModelError, WrongUseError
from train.models import Architecture, build_model
from train.models.last_layer import last_dense
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


NETWORK = """
import keras

def build(n_classes, units=4, **rest):
    if rest:
        raise TypeError(f"no {sorted(rest)}")
    pixels = keras.Input((48, 48, 1))
    hidden = keras.layers.Dense(units, activation="relu")(keras.layers.Flatten()(pixels))
    return keras.Model(pixels, keras.layers.Dense(n_classes, activation="softmax")(hidden))

def two_outputs(n_classes):
    pixels = keras.Input((48, 48, 1))
    return keras.Model(pixels, [keras.layers.Flatten()(pixels), pixels])

def nothing(n_classes):
    return None

number = 3
"""


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_network", raising=False)
    (tmp_path / "own_network.py").write_text(NETWORK)
    return tmp_path


def test_a_function_in_a_file_is_an_architecture(own_file):
    model = build_model("own_network:build", 5, {"units": 2})
    assert model.output_shape == (None, 5)
    assert last_dense(model) is model.layers[-1]
    with pytest.raises(DataError, match=r"\[model\] does not fit own_network:build: no \['depth'\]"):
        build_model("own_network:build", 5, {"depth": 2})


def test_the_dense_layer_before_a_softmax_is_found():
    pixels = keras.Input((48, 48, 1))
    dense = keras.layers.Dense(7)
    hidden = dense(keras.layers.Flatten()(pixels))
    for after in (keras.layers.Softmax(), keras.layers.Activation("softmax")):
        assert last_dense(keras.Model(pixels, after(hidden))) is dense
    for network in (keras.Model(pixels, hidden), keras.Model(pixels, keras.layers.ReLU()(hidden))):
        with pytest.raises(ModelError, match="expected a dense layer with a bias and a softmax"):
            last_dense(network)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("own_network:two_outputs", r"returns a network from .*: expected \(None, 48, 48, 1\) to \(None, 7\)"),
        ("own_network:nothing", "returns NoneType: expected a keras.Model"),
        ("own_network:number", r"own_network\.py has no function number"),
        ("own_network:absent", r"own_network\.py has no function absent"),
        ("no_such_file:build", "cannot import no_such_file: No module named"),
        ("broken:build", "cannot import broken: invalid syntax"),
        # mien's own package, and not a file of the same name beside the recipe.
        ("train:build", r"train.__init__\.py has no function build"),
        ("own_network:", "expected module:function"),
        ("../own_network:build", "expected module:function"),
    ],
)
def test_functions_that_are_none(own_file, name, complaint):
    (own_file / "broken.py").write_text("def build(:\n")
    (own_file / "train.py").write_text(NETWORK)
    with pytest.raises((DataError, WrongUseError), match=complaint):
        build_model(name, 7, {})


@pytest.mark.slow
def test_a_network_of_ones_own_through_the_chain(own_file, made_csv, mien):
    (own_file / "own.toml").write_text(
        'name = "own"\narchitecture = "own_network:build"\n[model]\nunits = 8\n'
        "[fit]\nepochs = 2\nlogit_adjustment = 0.5\n"
    )
    done = mien("fit", "--recipe", "own.toml", "--data", made_csv, "--out", "run", module="train")
    assert done.code == 0, done.err
    done = mien("adjust", "run", "--data", made_csv, "--out", "adjusted", module="train")
    assert done.code == 0, done.err
    gate = ("--min-above-chance", "-100", "--min-agreement", "0", "--max-class-drop", "100", "--max-drop", "100")
    done = mien(
        "quantize", "--samples", "50", "adjusted", "--data", made_csv, "--out", "own.tflite", *gate, module="convert"
    )
    assert done.code == 0, done.err
    (own_file / "own_network.py").write_text(NETWORK.replace('activation="softmax"', "use_bias=False"))
    sys.modules.pop("own_network")
    done = mien("fit", "--recipe", "own.toml", "--data", made_csv, "--out", "second", module="train")
    assert done.code == 1
    assert "expected a dense layer with a bias and a softmax" in done.error_line()
    assert not (own_file / "second").exists()
