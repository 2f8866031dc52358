"""Files that Keras 1 and 2 wrote: found by the names of layers, whatever else is in them."""

import h5py
import numpy as np
import pytest

from train.models import build_model
from train.models.initialization import backbone, initialize
from train.models.legacy_weights import read_legacy_weights
from train.recipes.schema import Recipe

#: Today's names to those of 2017, in the order of that file, where the shortcut's convolution came last.
BRANCHES = {"1": "2a", "2": "2b", "3": "2c", "0": "1"}


def name_of_2017(name):
    if name.startswith("conv1_"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    stage, block, branch, kind = name.split("_")[0][4:], *name.split("_")[1:]
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{'abcdef'[int(block[5:]) - 1]}_branch{BRANCHES[branch]}"


def write_legacy(path, layers, rename=str, top=None):
    """A file as Keras 2 wrote it, of layers and their weights."""
    with h5py.File(path, "w") as file:
        names = [*layers, *([top] if top else [])]
        file.attrs["layer_names"] = [rename(name).encode() if name != top else name.encode() for name in names]
        for name in names:
            weights = layers[name] if name != top else [np.zeros((2048, 1000), np.float32), np.zeros(1000, np.float32)]
            group = file.create_group(name if name == top else rename(name))
            group.attrs["weight_names"] = [f"w{i}:0".encode() for i in range(len(weights))]
            for i, weight in enumerate(weights):
                group[f"w{i}:0"] = weight
    return path


@pytest.fixture(scope="module")
def resnet50():
    return build_model("resnet50", 7, {})


@pytest.fixture(scope="module")
def made_weights(resnet50):
    random = np.random.default_rng(0)
    return {
        layer.name: [random.normal(size=weight.shape).astype(np.float32) for weight in layer.weights]
        for layer in backbone(resnet50)
        if layer.weights
    }


@pytest.mark.slow
@pytest.mark.parametrize(("rename", "top"), [(str, "predictions"), (name_of_2017, "fc1000"), (name_of_2017, None)])
def test_a_file_with_the_top_fills_the_backbone(resnet50, made_weights, tmp_path, rename, top):
    names = list(made_weights)
    # 2017's order, in which the layers of a block with a shortcut are not where Keras looks for them now.
    names.sort(key=lambda name: (name.split("_")[:2], name.split("_")[2:3] == ["0"]))
    path = write_legacy(tmp_path / "resnet50.h5", {name: made_weights[name] for name in names}, rename, top)
    initialize(resnet50, Recipe("r", "resnet50", weights=str(path)))
    for name, weights in made_weights.items():
        for expected, weight in zip(weights, resnet50.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(expected, weight)


def test_layers_of_other_shapes_and_damaged_files_are_left_to_keras(tmp_path):
    model = build_model("mien", 7, {"widths": [8], "blocks": 1})
    layers = [layer for layer in model.layers if layer.weights]
    weights = {layer.name: layer.get_weights() for layer in layers}
    path = write_legacy(tmp_path / "whole.h5", weights)
    assert set(read_legacy_weights(path, layers)) == set(weights)
    first = layers[0].name
    wider = {**weights, first: [np.zeros((9, 9), np.float32)]}
    assert set(read_legacy_weights(write_legacy(tmp_path / "wider.h5", wider), layers)) == set(weights) - {first}
    path.write_bytes(path.read_bytes()[:2000])
    assert read_legacy_weights(path, layers) == {}
    (tmp_path / "text.h5").write_text("no weights")
    assert read_legacy_weights(tmp_path / "text.h5", layers) == {}
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file.attrs["layer_names"] = [first.encode()]
        file[first] = 3
    assert read_legacy_weights(tmp_path / "odd.h5", layers) == {}
