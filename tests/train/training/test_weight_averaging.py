"""Batch normalization of averaged weights: its statistics are those that these weights make of Training faces."""

import json

import keras
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from tests.train.conftest import epochs_of
from train.models import build_model
from train.training.moving_averages import warm_up_averages
from train.training.weight_averaging import RecomputeBatchNorm


@pytest.fixture(scope="module")
def faces(made_csv):
    return load_dataset(made_csv, ("Training",))["Training"]


def statistics(model):
    layers = [layer for layer in model.layers if layer.name.endswith("_bn")]
    return [np.array(value) for layer in layers for value in (layer.moving_mean, layer.moving_variance)]


def normalizer_input(model, faces):
    """What comes into the first batch normalization, every face at once."""
    before = keras.Model(model.input, model.get_layer("block1_conv1").output)
    return before.predict(faces.images[..., None].astype("float32"), batch_size=210, verbose=0)


@pytest.fixture
def network():
    keras.utils.set_random_seed(3)
    return build_model("cnn", 7, {"widths": [4, 8], "dense": 8, "dropout": 0.5})


@pytest.mark.slow
def test_the_kept_model_has_its_own_statistics(mien, made_csv, faces, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "cnn"\n[model]\nwidths = [4]\ndense = 8\ndropout = 0.5\n[augment]\nenabled = true\n'
        "rotation_deg = 30.0\n[fit]\nepochs = 3\nbatch_size = 210\nlearning_rate = 0.01\nema = 0.5\n"
        'precision = "float32"\n'
    )
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "run", module="train")
    assert done.code == 0, done.err
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    maps = normalizer_input(model, faces)
    mean, variance = statistics(model)[:2]
    assert mean == pytest.approx(maps.mean((0, 1, 2)), rel=1e-3, abs=1e-5)
    assert variance == pytest.approx(maps.var((0, 1, 2)), rel=1e-3)
    # The model that was chosen is the one that was validated.
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    best = max(float(row["val_accuracy"]) for row in epochs_of(tmp_path / "run"))
    assert metrics["scores"]["accuracy"] == pytest.approx(best, abs=1e-6)


def test_training_goes_on_with_what_it_gathered(network, faces):
    beside = RecomputeBatchNorm(faces, 32, seed=0)
    beside.set_model(network)
    gathered = statistics(network)
    beside.on_epoch_begin(0)
    beside.on_epoch_end(0)
    own = statistics(network)
    assert all(not np.allclose(a, b) for a, b in zip(own, gathered, strict=True))
    maps = normalizer_input(network, faces)
    assert own[0] == pytest.approx(maps.mean((0, 1, 2)), rel=0.05)
    beside.on_epoch_begin(1)
    assert all(np.array_equal(a, b) for a, b in zip(statistics(network), gathered, strict=True))
    assert network.get_layer("block1_conv1_bn").momentum == 0.9
    assert network.get_layer("block1_dropout").rate == 0.5


def test_nothing_is_dropped_meanwhile(network, faces):
    taken = []
    for _ in range(2):
        beside = RecomputeBatchNorm(faces, 32, seed=0)
        beside.set_model(network)
        beside.on_epoch_end(0)
        taken.append(statistics(network))
        beside.on_epoch_begin(1)
    assert all(np.array_equal(a, b) for a, b in zip(*taken, strict=True))


def test_what_is_frozen_keeps_what_it_was_pretrained_to(network, faces):
    network.get_layer("block1_conv1_bn").trainable = False
    beside = RecomputeBatchNorm(faces, 32, seed=0)
    beside.set_model(network)
    before = statistics(network)
    beside.on_epoch_end(0)
    after = statistics(network)
    assert all(np.array_equal(a, b) for a, b in zip(before[:2], after[:2], strict=True))
    assert not np.allclose(before[2], after[2])


def test_fewer_faces_than_a_batch_are_enough(network, faces):
    beside = RecomputeBatchNorm(faces, 1024, seed=0)
    beside.set_model(network)
    beside.on_epoch_end(0)
    maps = normalizer_input(network, faces)
    assert statistics(network)[0] == pytest.approx(maps.mean((0, 1, 2)), rel=1e-3)


@pytest.mark.slow
def test_the_averages_begin_over_few_steps():
    """With a momentum of 0.998 the average of a short run would be the weights that it began with."""
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer = warm_up_averages(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.998))
    optimizer.build([weight])
    expected, averages = 0.0, []
    for step in range(200):
        # Each step subtracts 1.
        optimizer.apply([np.ones(1, np.float32)], [weight])
        momentum = min(step / (step + 9), 0.998)
        expected = momentum * expected + (1 - momentum) * -(step + 1)
        averages.append(float(optimizer._model_variables_moving_average[0][0]))
    assert averages[0] == -1.0
    assert averages[-1] == pytest.approx(expected, rel=1e-4)
    # Of the last tenth of the steps or so, not of all of them.
    assert -195 < averages[-1] < -175
