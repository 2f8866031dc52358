"""Every shipped recipe fits made data, and one of each architecture goes on: evaluate, export, reload, int8, run."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from convert.cli.quantize import quantize
from edge.cli.main import cli
from edge.datasets.reader import load_dataset
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.system.processes import python_environment
from tests.commands import forget_keras_state
from tests.conftest import backend_environment
from tests.made_data import write_csv, write_votes
from train.cli.group import train
from train.models import build_model
from train.recipes.catalog import ENSEMBLE, recipe_names
from train.recipes.schema import load_recipe

#: One recipe of each architecture; the smallest also when time is short. A DenseNet is converted by
#: tests/convert/test_families.py, which takes two minutes.
SMALLEST, CONVERTED_ELSEWHERE = "simple-nn", "densenet121"
WHOLE_WAY = (SMALLEST, "cnn", "mien-nano", "mien-base", "vgg16-features", "resnet50", "efficientnet-lite0")
FAMILIES = {"vgg16": "VGG16", "resnet50": "ResNet50", "densenet121": "DenseNet121", "efficientnet-lite0": ""}
#: Calls a function of this file in a process of its own: such a network takes more memory than a worker may keep.
CHILD = """
from pathlib import Path
from tests.train.recipes import test_every_recipe
test_every_recipe.{function}({arguments!r}, *map(Path, {paths!r}))
"""
#: TensorFlow would optimize a graph for four steps for longer than the steps take.
ON_TENSORFLOW = """
import tensorflow
tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
"""


def in_a_child(function, arguments, *paths, on_torch=False):
    """Return what the function printed.

    Args:
        function: of this file.
        arguments: its first argument, a name or names.
        paths: its other arguments.
        on_torch: with PyTorch as Keras' backend, where it is installed; it need not trace deep networks.
    """
    code = CHILD.format(function=function.__name__, arguments=arguments, paths=[str(path) for path in paths])
    start, environment = ON_TENSORFLOW, python_environment()
    if on_torch and os.environ.get("MIEN_TORCH"):
        start, environment = backend_environment("torch")
    command = [sys.executable, "-P", "-c", start + code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def few_faces(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("few") / "fer2013.csv", 56, 14)


def call(command, *arguments):
    """A command in this process, which has loaded TensorFlow already."""
    return command.main([str(argument) for argument in arguments], standalone_mode=False)


def write_backbone(architecture, folder):
    """A weights file of a family's network without its top, as `--weights` takes it."""
    path = folder / f"{architecture}.weights.h5"
    keras.utils.set_random_seed(1)
    if not FAMILIES[architecture]:
        # Another run's: a test of its own reads the file with ImageNet's, for which PyTorch is needed.
        path = folder / f"{architecture}.keras"
        build_model(architecture, 8, {}).save(path)
        return path
    build = getattr(keras.applications, FAMILIES[architecture])
    build(include_top=False, weights=None, input_shape=(64, 64, 3)).save_weights(path)
    return path


def fit_briefly(name, data, folder, out):
    """One epoch of a recipe into the run folder `out`, without its teachers."""
    recipe = load_recipe(name)
    pretrained = ("--weights", write_backbone(recipe.architecture, folder)) if recipe.weights == "imagenet" else ()
    votes = ()
    if recipe.fit.soft_labels > 0:
        votes = ("--votes", write_votes(folder / "votes.csv", lambda i, label: {label: 8, "neutral": 2}, 56, 14))
    call(train, "fit", "--arch", name, "--data", data, "--out", out, "--epochs", 1, "--batch-size", 14,
         *pretrained, *votes, "--teacher-share", 0)  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["epochs"] == len(recipe.plan())
    assert [stage["name"] for stage in metrics["stages"]] == [stage.name for stage in recipe.plan()]


def go_the_whole_way(name, few_faces, clip, folder):
    """Fit, evaluate, export, convert and run a recipe; what the commands print goes to standard output."""
    recipe = load_recipe(name)
    run, data = folder / "run", ("--data", few_faces)
    if recipe.architecture == ENSEMBLE:
        members = [folder / f"member{i}" for i in range(len(recipe.model["members"]))]
        for member, path in zip(recipe.model["members"], members, strict=True):
            fit_briefly(member, few_faces, folder, path)
        call(train, "ensemble", *members, "--arch", name, *data, "--out", run)
    else:
        fit_briefly(name, few_faces, folder, run)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["scores"]["n"] == 14

    call(train, "evaluate", run / "model.keras", *data, "--out", folder / "report")
    assert json.loads((folder / "report" / "metrics.json").read_text())["scores"] == metrics["scores"]

    call(train, "export", run / "model.keras", "--out", folder / f"{name}.h5")
    faces = load_dataset(few_faces, ("PublicTest",))["PublicTest"]
    pixels = faces.images[..., None].astype(np.float32)
    files = (run / "model.keras", folder / f"{name}.h5")
    original, exported = (keras.saving.load_model(file, compile=False) for file in files)
    np.testing.assert_allclose(
        original.predict(pixels, verbose=0), exported.predict(pixels, verbose=0), rtol=1e-4, atol=1e-6
    )

    tflite = folder / f"{name}-int8.tflite"
    # After one epoch there is no accuracy to keep: the limits are another test's.
    call(quantize, run / "model.keras", *data, "--out", tflite, "--samples", 14, "--max-drop", 100,
         "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100)  # fmt: skip
    graph = Graph(read_model(tflite).graph, name)
    assert {tensor.dtype for tensor in graph.tensors} <= {"UINT8", "INT8", "INT32"}
    proof = json.loads(tflite.with_name(f"{name}-int8-proof.json").read_text())
    assert proof["file"]["float_operations"] == []
    assert len(proof["layers"]) >= 3
    call(cli, "run", "--model", tflite, "--source", clip, "--max-frames", 3)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == SMALLEST else pytest.mark.long) for name in WHOLE_WAY]
)
def test_it_goes_the_whole_way(name, few_faces, demo_clip, weights, tmp_path, capfd):
    if load_recipe(name).architecture in FAMILIES:
        out = in_a_child(go_the_whole_way, name, few_faces, demo_clip, tmp_path)
    else:
        go_the_whole_way(name, few_faces, demo_clip, tmp_path)
        keras.utils.clear_session()
        out = capfd.readouterr().out
    accuracy = json.loads((tmp_path / "run" / "metrics.json").read_text())["scores"]["accuracy"]
    assert f"{accuracy:.2%} on PublicTest" in out
    assert "+ face 1" in out


def test_every_architecture_has_a_recipe_that_is_converted():
    converted = {load_recipe(name).architecture for name in (*WHOLE_WAY, CONVERTED_ELSEWHERE)}
    assert converted == {load_recipe(name).architecture for name in recipe_names()}


#: The recipes that only have to fit; those of the deep networks one after the other, in one process.
TO_FIT = sorted({*recipe_names()} - {*WHOLE_WAY})
DEEP_TO_FIT = [name for name in TO_FIT if load_recipe(name).architecture in FAMILIES]


def assert_reported(run, out):
    accuracy = json.loads((run / "metrics.json").read_text())["scores"]["accuracy"]
    assert f"{run / 'model.keras'}: {accuracy:.2%} on PublicTest" in out


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in TO_FIT if name not in DEEP_TO_FIT])
def test_it_fits(name, few_faces, tmp_path, capfd):
    fit_briefly(name, few_faces, tmp_path, tmp_path / "run")
    keras.utils.clear_session()
    assert_reported(tmp_path / "run", capfd.readouterr().out)


def fit_each_briefly(names, data, folder):
    """One epoch of each recipe, into a run folder with its name."""
    for name in names:
        fit_briefly(name, data, folder, folder / name)
        forget_keras_state()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_other_recipes_of_deep_networks_fit(few_faces, tmp_path):
    """Those of each that go the whole way train on TensorFlow."""
    out = in_a_child(fit_each_briefly, DEEP_TO_FIT, few_faces, tmp_path, on_torch=True)
    for name in DEEP_TO_FIT:
        assert_reported(tmp_path / name, out)


@pytest.mark.slow
def test_the_exported_models_load_without_mien(few_faces, tmp_path):
    call(train, "fit", "--arch", "simple-nn", "--data", few_faces, "--out", tmp_path / "run", "--epochs", 1)
    call(train, "export", tmp_path / "run" / "model.keras", "--out", tmp_path / "m.h5")
    call(train, "export", tmp_path / "m.h5", "--out", tmp_path / "again.keras")
    paths = [str(tmp_path / name) for name in ("run/model.keras", "m.h5", "again.keras")]
    code = (
        "import sys; sys.modules['train'] = sys.modules['edge'] = None\n"
        f"import keras\nfor path in {paths!r}: print(keras.saving.load_model(path).input_shape)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(None, 48, 48, 1)"] * 3, done.stderr


def test_export_names_the_formats(mien, tmp_path):
    done = mien("export", tmp_path / "m.keras", "--out", tmp_path / "m.onnx", module="train")
    assert done.code == 2
    assert "expected a name that ends in .keras or .h5" in done.error_line()


def test_recipes_are_those_that_were_published():
    dense = load_recipe("densenet121")
    assert (dense.model["dense"], dense.model["dropout"]) == ([256, 1024, 512], [0.3, 0.5, 0.5])
    assert dense.fit.batch_size == 64
    assert [(stage.epochs, stage.learning_rate) for stage in dense.stages] == [(30, 0.01), (20, 0.001)]
    cnn, augmented, scheduled = (load_recipe(name) for name in ("cnn", "cnn-augmented", "cnn-lr-schedule"))
    assert not cnn.augment.enabled
    assert augmented.augment.enabled
    assert scheduled.fit.schedule == "plateau"
    assert cnn.architecture == augmented.architecture == scheduled.architecture == "cnn"


@pytest.mark.slow
def test_resnet50_trains_as_many_parameters_as_published():
    from train.training.freezing import freeze

    recipe = load_recipe("resnet50")
    model = build_model("resnet50", 7, recipe.model)
    freeze(model, recipe, recipe.stages[1])
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert round(trainable / 1e6, 1) == 22.8
    # By default batch normalization keeps ImageNet's parameters.
    assert not any(isinstance(x, keras.layers.BatchNormalization) and x.trainable for x in model.layers)
    freeze(model, recipe, replace(recipe.stages[1], batch_norm=True))
    assert any(isinstance(x, keras.layers.BatchNormalization) and x.trainable for x in model.layers)
