"""The mean weights of several runs."""

import json
import shutil

import keras
import numpy as np
import pytest

from edge.datasets import load_dataset
from edge.errors import ModelError
from train.evaluation.prediction import keras_probabilities
from train.models import build_model
from train.models.averaging import average

TINY = (
    'name = "{name}"\narchitecture = "mien"\nweights = "{weights}"\n[model]\nwidths = [{width}, 8]\nblocks = 1\n'
    '[fit]\nepochs = {epochs}\nbatch_size = 16\nlearning_rate = 0.01\nprecision = "float32"\n'
)


@pytest.fixture(scope="module")
def runs(mien, made_csv, tmp_path_factory):
    """A finished run, one that went on from it, and one of another width."""
    folder = tmp_path_factory.mktemp("runs")

    def fit(name, weights="none", width=4, epochs=2):
        recipe = folder / f"{name}.toml"
        recipe.write_text(TINY.format(name=name, weights=weights, width=width, epochs=epochs))
        done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", folder / name, module="train")
        assert done.code == 0, done.err
        return folder / name

    first = fit("first", epochs=4)
    return first, fit("second", first / "model.keras"), fit("wider", width=6)


def test_the_mean_is_weighted():
    models = [build_model("mien", 7, {"widths": [4], "blocks": 1}) for _ in range(2)]
    expected = [0.25 * a + 0.75 * b for a, b in zip(*(model.get_weights() for model in models), strict=True)]
    found = average(models, (1, 3), ("a", "b")).get_weights()
    for array, mean in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, mean, atol=1e-6)
    wider = build_model("mien", 7, {"widths": [6], "blocks": 1})
    with pytest.raises(ModelError, match="b has other layers than a"):
        average([models[0], wider], (1, 1), ("a", "b"))


@pytest.mark.slow
def test_what_its_members_were_trained_on(mien, runs, made_csv, tmp_path):
    """Votes and teachers of a member stand in the record, from which the card of a converted model takes them."""
    teachers = [{"name": name, "sha256": 64 * name} for name in "ab"]
    copies = []
    for i, run in enumerate(runs[:2]):
        copies.append(shutil.copytree(run, tmp_path / str(i)))
        file = copies[i] / "metrics.json"
        metrics = json.loads(file.read_text())
        metrics["data"] |= {"votes_sha256": 64 * "c", "teachers": teachers[i:]}
        file.write_text(json.dumps(metrics))
    done = mien("average", *copies, "--data", made_csv, "--out", tmp_path / "mean", module="train")
    assert done.code == 0, done.err
    data = json.loads((tmp_path / "mean" / "metrics.json").read_text())["data"]
    assert (data["name"], data["votes_sha256"], data["teachers"]) == (made_csv.name, 64 * "c", teachers)


@pytest.mark.slow
def test_a_run_of_runs(mien, runs, made_csv, tmp_path):
    out = tmp_path / "mean"
    arguments = (*runs[:2], "--shares", "1,3", "--data", made_csv, "--out", out)
    done = mien("average", *arguments, module="train")
    assert done.code == 0, done.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert [(entry["recipe"], entry["share"]) for entry in metrics["members"]] == [("first", 0.25), ("second", 0.75)]
    assert f"{metrics['scores']['accuracy']:.2%} on PublicTest" in done.out

    model, first, second = (keras.saving.load_model(run / "model.keras") for run in (out, *runs[:2]))
    kernels = [each.get_layer("logits").get_weights()[0] for each in (first, second, model)]
    np.testing.assert_allclose(kernels[2], 0.25 * kernels[0] + 0.75 * kernels[1], atol=1e-6)
    # The statistics are those of the mean weights: not the mean of the statistics.
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    means = [each.get_layer(names[-1]).moving_mean.numpy() for each in (first, second, model)]
    assert np.abs(means[2] - 0.25 * means[0] - 0.75 * means[1]).max() > 1e-4
    before = keras.Model(model.input, model.get_layer(names[0]).input)
    pixels = load_dataset(made_csv, ("Training",))["Training"].images[..., None].astype("float32")
    maps = before.predict(pixels[: len(pixels) // 16 * 16], verbose=0)
    found = model.get_layer(names[0]).moving_mean.numpy()
    np.testing.assert_allclose(found, maps.mean((0, 1, 2)), rtol=0.02, atol=1e-2)

    again = mien("evaluate", out / "model.keras", "--data", made_csv, module="train")
    assert f"{metrics['scores']['accuracy']:.2%}" in again.out, again.err
    compared = mien("compare", *runs[:2], out, "--out", tmp_path / "compared", module="train")
    assert compared.code == 0, compared.err


@pytest.mark.slow
def test_it_keeps_what_its_members_know(mien, runs, made_csv, tmp_path):
    """Of a run and one that went on from it; the mean of unrelated weights would be at chance."""
    done = mien("average", *runs[:2], "--data", made_csv, "--out", tmp_path / "mean", module="train")
    assert done.code == 0, done.err
    faces = load_dataset(made_csv, ("Training",))["Training"]
    mean, *members = (keras.saving.load_model(run / "model.keras") for run in (tmp_path / "mean", *runs[:2]))

    def loss(model):
        scores = keras_probabilities(model, faces.images)[np.arange(len(faces)), faces.class_ids]
        return -np.log(np.maximum(scores, 1e-6)).mean()

    assert loss(mean) < max(map(loss, members)) + 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "arguments", "code", "message"),
    [
        ((0,), (), 2, "expected two or more to average"),
        ((0, 1), ("--shares", "1"), 2, "--shares has 1 numbers for 2 runs"),
        ((0, 1), ("--shares", "1,0"), 2, "expected numbers greater than 0"),
        ((0, 1), ("--shares", "1,x"), 2, "expected numbers greater than 0"),
        ((0, 1), ("--shares", "1,nan"), 2, "expected numbers greater than 0"),
        ((0, 2), (), 2, "is mien with other settings than"),
    ],
)
def test_wrong_use(mien, runs, made_csv, tmp_path, chosen, arguments, code, message):
    common = ("--data", made_csv, "--out", tmp_path / "out")
    done = mien("average", *(runs[i] for i in chosen), *arguments, *common, module="train")
    assert (done.code, message in done.error_line()) == (code, True), done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_folder_that_is_no_run(mien, runs, made_csv, tmp_path):
    done = mien("average", runs[0], tmp_path, "--data", made_csv, "--out", tmp_path / "out", module="train")
    assert done.code == 1
    assert "is not a finished run" in done.error_line()
