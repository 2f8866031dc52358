"""Several networks as one."""

import json

import keras
import numpy as np
import pytest

from edge.errors import ModelError
from train.evaluation.prediction import keras_probabilities
from train.models import build_model
from train.models.ensembling import merge

TINY = 'name = "{}"\narchitecture = "mien"\n[model]\nwidths = [4, 8]\nblocks = 1\n[fit]\nepochs = 2\nbatch_size = 16\nprecision = "float32"\n'  # fmt: skip  # noqa: E501
PAIR = 'name = "pair"\narchitecture = "ensemble"\n[model]\nmembers = ["one", "other"]\n'


@pytest.fixture(scope="module")
def members(mien, made_csv, tmp_path_factory):
    """Two finished runs of two recipes."""
    folder = tmp_path_factory.mktemp("members")
    runs = []
    for seed, name in enumerate(("one", "other")):
        recipe = folder / f"{name}.toml"
        recipe.write_text(TINY.format(name))
        arguments = ("--recipe", recipe, "--data", made_csv, "--seed", seed, "--out", folder / name)
        done = mien("fit", *arguments, module="train")
        assert done.code == 0, done.err
        runs.append(folder / name)
    return runs


def recipe_of(folder, text=PAIR):
    path = folder / "ensemble.toml"
    path.write_text(text)
    return path


def test_it_answers_the_mean_of_the_logits():
    models = [build_model("mien", 7, {"widths": widths, "blocks": 1}) for widths in ([4, 8], [6])]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 48, 48), np.uint8)
    for model in models:
        last = model.get_layer("logits")
        last.set_weights([last.get_weights()[0], rng.normal(size=7)])
    merged = merge(models, ["a", "b"])
    logits = np.mean([np.log(keras_probabilities(model, images)) for model in models], axis=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(keras_probabilities(merged, images), expected, atol=1e-5)
    assert [layer.name for layer in merged.layers if isinstance(layer, keras.layers.Dense)] == ["logits"]


def test_what_cannot_be_merged():
    seven, eight = (build_model("mien", n, {"widths": [4], "blocks": 1}) for n in (7, 8))
    with pytest.raises(ModelError, match="b has 8 classes, a 7"):
        merge([seven, eight], ["a", "b"])
    pixels = keras.Input((48, 48, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 3)(pixels))
    other = keras.Model(pixels, keras.layers.Softmax()(pooled))
    with pytest.raises(ModelError, match=r"b: the network's last layer is .*: expected a dense layer"):
        merge([seven, other], ["a", "b"])


@pytest.mark.slow
@pytest.mark.long
def test_a_run_of_runs(mien, members, made_csv, tmp_path):
    out = tmp_path / "pair"
    done = mien("ensemble", *members, "--recipe", recipe_of(tmp_path), "--data", made_csv, "--out", out, module="train")
    assert done.code == 0, done.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert [(member["recipe"], member["seed"]) for member in metrics["members"]] == [("one", 0), ("other", 1)]
    assert metrics["labels"][0] == "angry"
    assert f"{metrics['scores']['accuracy']:.2%} on PublicTest" in done.out
    again = mien("evaluate", out / "model.keras", "--data", made_csv, module="train")
    assert f"{metrics['scores']['accuracy']:.2%}" in again.out, again.err

    compared = mien("compare", *members, out, "--out", tmp_path / "compared", module="train")
    assert compared.code == 0, compared.err
    row = compared.out.splitlines()[3].split()
    assert row[1:4] == ["ensemble", f"{metrics['parameters']:,}", "-"]
    of_both = sum(json.loads((run / "metrics.json").read_text())["seconds"] for run in members)
    assert json.loads((tmp_path / "compared" / "compare.json").read_text())["runs"][2]["seconds"] == of_both


@pytest.mark.slow
@pytest.mark.long
def test_it_converts_with_proof(mien, members, made_csv, tmp_path):
    out = tmp_path / "pair"
    mien("ensemble", *members, "--recipe", recipe_of(tmp_path), "--data", made_csv, "--out", out, module="train")
    int8 = tmp_path / "pair-int8.tflite"
    gates = ("--samples", 70, "--max-drop", 100, "--min-agreement", 0, "--max-class-drop", 100,
             "--min-above-chance", -100)  # fmt: skip
    done = mien("quantize", out / "model.keras", "--data", made_csv, "--out", int8, *gates, module="convert")
    assert done.code == 0, done.err
    against = ("--data", made_csv, "--reference", out / "model.keras")
    verified = mien("verify", int8, *against, *gates[2:], module="convert")
    assert verified.code == 0, verified.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "turned", "code", "message"),
    [
        (PAIR, True, 2, "pair is made of one, other, in this order; got other, one"),
        (PAIR.replace("ensemble", "mien").replace("members", "widths"), False, 2, "pair is not an ensemble"),
        (PAIR.replace(', "other"', ""), False, 1, "expected names of two recipes or more"),
    ],
)
def test_other_runs_than_the_recipe_names(mien, members, made_csv, tmp_path, text, turned, code, message):
    runs = members[::-1] if turned else members
    arguments = ("--recipe", recipe_of(tmp_path, text), "--data", made_csv, "--out", tmp_path / "out")
    done = mien("ensemble", *runs, *arguments, module="train")
    assert (done.code, message in done.error_line()) == (code, True), done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_runs_that_are_none(mien, members, made_csv, tmp_path):
    common = ("--recipe", recipe_of(tmp_path), "--data", made_csv, "--out", tmp_path / "out")
    for bad in (tmp_path, tmp_path / "none", members[0] / "model.keras"):
        done = mien("ensemble", members[0], bad, *common, module="train")
        assert done.code == 1
        assert "is not a finished run" in done.error_line()
    fitted = mien("fit", *common, module="train")
    assert fitted.code == 2
    assert "mien train ensemble" in fitted.error_line()
