"""First weights: from a file that keras.applications reads, from another run, and from nowhere."""

import json

import keras
import numpy as np
import pytest

from edge.errors import DataError, WrongUseError
from tests.commands import forget_keras_state, run_mien
from train.models import build_model
from train.models.initialization import backbone, initialize
from train.recipes.schema import Recipe, Stage
from train.training.freezing import freeze


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    """A weights file, and the weights of each layer in it."""
    keras.utils.set_random_seed(1)
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    path = tmp_path_factory.mktemp("weights") / "vgg16.weights.h5"
    network.save_weights(path)
    return path, {layer.name: layer.get_weights() for layer in network.layers}


@pytest.fixture(autouse=True)
def networks_are_gone_before_the_next_test():
    """Each of them has some hundred megabytes."""
    yield
    forget_keras_state()


def kernels(model, name):
    return [np.asarray(weight) for weight in model.get_layer(name).get_weights()]


@pytest.mark.slow
@pytest.mark.long
def test_a_weights_file_fills_the_backbone_and_leaves_the_head(vgg16_file):
    path, weights = vgg16_file
    recipe = Recipe("r", "vgg16", weights=str(path))
    model = build_model("vgg16", 7, {})
    head = kernels(model, "logits")
    normalize = kernels(model, "normalize")
    initialize(model, recipe)
    for name, theirs in weights.items():
        for kernel, ours in zip(theirs, kernels(model, name) if theirs else (), strict=True):
            np.testing.assert_array_equal(kernel, ours)
    np.testing.assert_array_equal(head[0], kernels(model, "logits")[0])
    np.testing.assert_array_equal(normalize[0], kernels(model, "normalize")[0])
    assert [layer.name for layer in backbone(model)][:2] == ["block1_conv1", "block1_conv2"]


@pytest.mark.slow
@pytest.mark.long
def test_a_frozen_backbone_is_in_the_trained_model_as_it_was_in_the_file(vgg16_file, made_csv, tmp_path):
    path, weights = vgg16_file
    # In a process of its own: a VGG16 in training takes a quarter of a gigabyte.
    done = run_mien("fit", "--arch", "vgg16-features", "--weights", path, "--epochs", 1, "--limit", 28,
                    "--data", made_csv, "--out", tmp_path / "run", module="train")  # fmt: skip
    assert done.code == 0, done.err
    trained = keras.saving.load_model(tmp_path / "run" / "model.keras")
    np.testing.assert_array_equal(kernels(trained, "block5_conv3")[0], weights["block5_conv3"][0])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["weights"] == str(path)


def test_the_model_of_another_run_gives_its_backbone_whatever_its_classes(tmp_path):
    eight = build_model("mien", 8, {"widths": [8], "blocks": 1})
    eight.save(tmp_path / "eight.keras")
    seven = build_model("mien", 7, {"widths": [8], "blocks": 1})
    initialize(seven, Recipe("r", "mien", weights=str(tmp_path / "eight.keras")))
    np.testing.assert_array_equal(kernels(eight, "stem")[0], kernels(seven, "stem")[0])
    wider = build_model("mien", 7, {"widths": [16], "blocks": 1})
    with pytest.raises(DataError, match=r"does not fit mien: it lacks .* layers of the backbone, the first stem"):
        initialize(wider, Recipe("r", "mien", weights=str(tmp_path / "eight.keras")))


@pytest.mark.slow
@pytest.mark.long
def test_what_cannot_be_loaded(vgg16_file, tmp_path):
    vgg16 = build_model("vgg16", 7, {})
    with pytest.raises(DataError, match=r"no weights at .*: expected imagenet, none or a file"):
        initialize(vgg16, Recipe("r", "vgg16", weights=str(tmp_path / "none.h5")))
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(DataError, match="does not fit VGG16 without its top"):
        initialize(vgg16, Recipe("r", "vgg16", weights=str(tmp_path / "text.weights.h5")))
    with pytest.raises(DataError, match="does not fit ResNet50 without its top"):
        initialize(build_model("resnet50", 7, {}), Recipe("r", "resnet50", weights=str(vgg16_file[0])))
    with pytest.raises(WrongUseError, match=r"cnn takes no 'imagenet' weights: expected none or a .keras"):
        initialize(build_model("cnn", 7, {}), Recipe("r", "cnn", weights="imagenet"))
    assert backbone(build_model("simple-nn", 7, {})) == []
    with pytest.raises(WrongUseError, match="simple-nn has no backbone for stage a of r to freeze"):
        freeze(build_model("simple-nn", 7, {}), Recipe("r", "simple-nn"), Stage("a", "head"))
    with pytest.raises(DataError, match="stage a of r trains from 'conv9': expected all, head or a layer of cnn"):
        freeze(build_model("cnn", 7, {}), Recipe("r", "cnn"), Stage("a", "conv9"))


@pytest.mark.slow
def test_a_stage_that_trains_all_thaws_what_the_one_before_kept():
    model, recipe = build_model("mien", 7, {"widths": [8], "blocks": 1}), Recipe("r", "mien")
    everything = len(model.trainable_weights)
    freeze(model, recipe, Stage("head", "head"))
    assert len(model.trainable_weights) == 2
    freeze(model, recipe, Stage("all", "all"))
    # A scale and an offset of each batch normalization stay.
    n_norms = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    assert len(model.trainable_weights) == everything - 2 * n_norms
    freeze(model, recipe, Stage("all", "all", batch_norm=True))
    assert len(model.trainable_weights) == everything
    vgg16 = build_model("vgg16", 7, {})
    freeze(vgg16, Recipe("r", "vgg16"), Stage("all", "all", batch_norm=True))
    assert not vgg16.get_layer("normalize").trainable


@pytest.mark.slow
def test_without_a_network_one_line_names_which_file_to_put_where(mien, made_csv, tmp_path):
    closed = "http://127.0.0.1:9"
    done = mien("fit", "--arch", "resnet50", "--data", made_csv, "--out", tmp_path / "run", module="train",
                KERAS_HOME=str(tmp_path / "keras"), https_proxy=closed, http_proxy=closed)  # fmt: skip
    assert done.code == 1
    line = done.error_line()
    assert "cannot download ResNet50's ImageNet weights" in line
    assert f"put resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5 into {tmp_path / 'keras' / 'models'}" in line
    assert "--weights PATH" in line
    assert not (tmp_path / "run").exists()


def test_random_weights_are_never_frozen(mien, made_csv, tmp_path):
    two = Recipe("r", "vgg16", weights="none", stages=(Stage("head", "head"), Stage("all", "block5_conv1")))
    assert [(stage.name, stage.train, stage.batch_norm) for stage in two.plan()] == [("all", "all", True)]
    done = mien("fit", "--arch", "vgg16-features", "--weights", "none", "--data", made_csv, "--out", tmp_path / "run",
                module="train")  # fmt: skip
    assert done.code == 2
    assert "trains a head on a frozen backbone: give --weights imagenet" in done.error_line()
