import json

import numpy as np
import pytest

from edge.errors import WrongUseError
from tests.made_data import write_votes
from train.evaluation.prediction import keras_probabilities
from train.models import build_model
from train.models.class_removal import remove_classes

LABELS = ("angry", "happy", "sad", "neutral")


@pytest.mark.parametrize("removed", [("happy",), ("neutral",), ("angry", "sad")])
def test_the_others_keep_their_probabilities_relative_to_each_other(removed):
    model = build_model("mien", 4, {"widths": [4], "blocks": 1})
    images = np.random.default_rng(0).integers(0, 256, (16, 48, 48), np.uint8)
    before = keras_probabilities(model, images)
    kept = [i for i, label in enumerate(LABELS) if label not in removed]
    smaller = remove_classes(model, LABELS, removed)
    expected = before[:, kept] / before[:, kept].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(keras_probabilities(smaller, images), expected, rtol=1e-4)
    np.testing.assert_array_equal(keras_probabilities(model, images), before)


def test_classes_that_cannot_be_removed():
    model = build_model("mien", 4, {"widths": [4], "blocks": 1})
    with pytest.raises(WrongUseError, match="no class contempt: expected some of angry, happy, sad, neutral"):
        remove_classes(model, LABELS, ["contempt"])
    with pytest.raises(WrongUseError, match="1 would be left"):
        remove_classes(model, LABELS, LABELS[1:])


@pytest.mark.slow
def test_a_run_on_votes_without_contempt_is_converted_as_one_of_fer2013(mien, made_csv, tmp_path):
    votes = write_votes(tmp_path / "votes.csv", lambda i, label: {label: 6, "contempt": 4})
    recipe = tmp_path / "b.toml"
    recipe.write_text('name = "b"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n[fit]\nepochs = 1\n')
    run, out, again = tmp_path / "run", tmp_path / "seven", tmp_path / "again"
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--labels", "ferplus", "--label-mode", "probability",
                "--votes", votes, "--out", run, module="train")  # fmt: skip
    assert done.code == 0, done.err
    done = mien("drop-class", run, "sad", "--data", made_csv, "--out", out, module="train")
    assert (done.code, "contempt would be left" in done.err) == (2, True)
    assert not out.exists()
    done = mien("drop-class", run, "contempt", "--data", made_csv, "--out", out, module="train")
    assert done.code == 0, done.err
    table = json.loads((out / "metrics.json").read_text())
    assert table["labels"] == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert table["removed_classes"]["labels"] == ["contempt"]
    assert table["removed_classes"]["trained_on"] == {"labels": "ferplus", "label_mode": "probability"}
    done = mien("drop-class", out, "contempt", "--data", made_csv, "--out", again, module="train")
    assert (done.code, "no class contempt" in done.err) == (2, True)
    loose = ("--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100)
    done = mien("quantize", out, "--data", made_csv, "--out", tmp_path / "m.tflite", "--samples", 28, *loose,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
