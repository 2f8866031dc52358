"""Stages in which a frozen backbone sees the same faces in each epoch."""

import csv

import keras
import numpy as np
import pytest

import train.training.trainer as trainer_module
from edge.datasets import load_dataset
from train.run_folder import RunFolder
from train.training.fitting import fit
from train.training.frozen_features import LARGEST, FeatureBatches, HeadOnFeatures, can_compute_once

NETWORK = """
import keras


def build(n_classes, drop=0.0, normalize=False):
    pixels = x = keras.Input((48, 48, 1), name="pixels")
    x = keras.layers.Conv2D(8, 5, strides=4, activation="relu", name="below")(x)
    x = keras.layers.BatchNormalization(name="below_norm")(x)
    if drop:
        x = keras.layers.Dropout(drop, name="below_drop")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if normalize:
        x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3), name="dense1")(x)
    x = keras.layers.Dropout(0.3, name="dense1_drop")(x)
    x = keras.layers.Dense(n_classes, name="logits")(x)
    return keras.Model(pixels, keras.layers.Softmax(name="scores", dtype="float32")(x))
"""
RECIPE = """
name = "transfer"
architecture = "transfer_network:build"
weights = "weights.keras"
[fit]
batch_size = 32
precision = "float32"
ema = 0.9
patience = 50
[[stages]]
name = "head"
train = "head"
epochs = 4
learning_rate = 0.01
[[stages]]
name = "all"
train = "all"
epochs = 1
learning_rate = 0.001
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """It begins with the weights of a network that is not trained: without any, nothing would be frozen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "transfer_network.py").write_text(NETWORK)
    built().save("weights.keras")
    path = tmp_path / "transfer.toml"
    path.write_text(RECIPE)
    return path


def with_pixels(model, n_faces):
    return False


def rows(folder):
    with RunFolder(folder).history_csv.open() as file:
        return [
            [float(row[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")]
            for row in csv.DictReader(file)
        ]


@pytest.mark.slow
def test_the_run_is_the_same_with_features_and_with_pixels(recipe, made_csv, tmp_path, monkeypatch):
    logged = {}
    for name in ("features", "pixels"):
        if name == "pixels":
            monkeypatch.setattr(trainer_module, "can_compute_once", with_pixels)
        logged[name] = []
        fit(recipe, made_csv, tmp_path / name, log=logged[name].append)
    assert sum("its features are computed once" in line for line in logged["features"]) == 1
    assert not any("computed once" in line for line in logged["pixels"])
    np.testing.assert_allclose(rows(tmp_path / "features"), rows(tmp_path / "pixels"), rtol=1e-3, atol=1e-3)
    models = [keras.saving.load_model(RunFolder(tmp_path / name).model_keras) for name in ("features", "pixels")]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [(can_compute_once, can_compute_once), (can_compute_once, with_pixels), (with_pixels, can_compute_once)],
    ids=["features", "features_then_pixels", "pixels_then_features"],
)
def test_an_interrupted_run_continues(before, after, recipe, made_csv, tmp_path, monkeypatch):
    """Also where it continues on a machine with more or fewer devices, which computes them or not."""
    fit(recipe, made_csv, tmp_path / "whole")

    def stop(epoch, accuracy):
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer_module, "can_compute_once", before)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, made_csv, tmp_path / "broken", on_epoch=stop)
    assert len(rows(tmp_path / "broken")) == 2
    monkeypatch.setattr(trainer_module, "can_compute_once", after)
    fit(None, made_csv, tmp_path / "broken", resume=True)
    tolerance = 1e-4 if before is after else 1e-3
    np.testing.assert_allclose(rows(tmp_path / "broken"), rows(tmp_path / "whole"), rtol=tolerance, atol=tolerance)


def built(frozen=True, **options):
    scope = {}
    exec(NETWORK, scope)
    model = scope["build"](7, **options)
    for layer in model.layers[:4]:
        layer.trainable = not frozen or layer.name.startswith("pool")
    return model


def test_when_features_can_be_computed_once():
    assert can_compute_once(built(), 30_000)
    assert not can_compute_once(built(frozen=False), 30_000)
    assert not can_compute_once(built(drop=0.2), 30_000)
    assert not can_compute_once(built(normalize=True), 30_000)
    assert not can_compute_once(built(), LARGEST)
    pixels = keras.Input((48, 48, 1))
    flat = keras.layers.Dense(7, activation="softmax")(keras.layers.Flatten(name="flatten")(pixels))
    assert not can_compute_once(keras.Model(pixels, flat), 30_000)


def test_the_head_has_the_weights_of_the_whole_and_gives_its_scores(made_csv, capfd):
    faces = load_dataset(made_csv, ("PublicTest",))["PublicTest"]
    model = built()
    head, batches = HeadOnFeatures(model), FeatureBatches(model, faces, 16, None, verbose=2)
    assert f"{len(batches)}/{len(batches)} - " in capfd.readouterr().out
    for a, b in zip(head.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [each.path for each in head.trainable_variables] == [each.path for each in model.trainable_variables]
    features, targets = batches[1]
    np.testing.assert_array_equal(targets.argmax(axis=1), faces.class_ids[16:32])
    expected = model(faces.images[16:32, ..., None].astype("float32"), training=False)
    found = head(features, training=False)
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(scores) for scores in (found, expected)), atol=1e-5)
