import json

import numpy as np
import pytest

from edge.datasets.faces import Faces
from edge.datasets.ferplus import VOTE_COLUMNS
from edge.errors import DataError
from edge.inference.contract import FER2013_LABELS
from tests.made_data import write_votes
from train.data.soft_labels import soften_labels

ANGRY, SAD, NEUTRAL = (FER2013_LABELS.index(label) for label in ("angry", "sad", "neutral"))


def faces_of(class_ids, votes):
    ids = np.array(class_ids, np.int64)
    return Faces(np.zeros((len(ids), 48, 48), np.uint8), ids, np.arange(len(ids)), FER2013_LABELS, votes)


def doubtful_faces(n=300):
    """Of the faces that people call neutral, a third is labeled sad; those that they call angry are labeled angry."""
    votes = np.zeros((n, 10), np.uint8)
    class_ids = np.full(n, ANGRY)
    votes[::2, VOTE_COLUMNS.index("neutral")] = 10
    votes[1::2, VOTE_COLUMNS.index("angry")] = 10
    class_ids[::2] = np.where(np.arange(n // 2) % 3 == 0, SAD, NEUTRAL)
    return faces_of(class_ids, votes)


def test_votes_become_the_labels_that_go_with_them():
    faces = doubtful_faces()
    targets = soften_labels(faces, 1.0).targets
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    assert targets[0, SAD] == pytest.approx(1 / 3, abs=0.02)
    assert targets[0, NEUTRAL] == pytest.approx(2 / 3, abs=0.02)
    assert targets[1, ANGRY] == pytest.approx(1, abs=0.02)
    # A class that no Training face has is not expected of any.
    assert targets[:, FER2013_LABELS.index("happy")].max() == 0


def test_the_label_keeps_its_share():
    faces = doubtful_faces()
    softened = soften_labels(faces, 0.25)
    whole = soften_labels(faces, 1.0).targets
    expected = 0.75 * np.eye(7)[faces.class_ids] + 0.25 * whole
    np.testing.assert_allclose(softened.targets, expected, atol=1e-6)
    np.testing.assert_array_equal(softened.class_ids, faces.class_ids)


def test_nothing_to_learn_from():
    with pytest.raises(DataError, match="give --votes"):
        soften_labels(faces_of([0, 1], None), 0.5)
    with pytest.raises(DataError, match="the same label"):
        soften_labels(faces_of([3, 3], np.ones((2, 10), np.uint8)), 0.5)


@pytest.mark.slow
def test_a_run_learns_them_and_its_model_converts_without_votes(mien, made_csv, tmp_path):
    recipe = tmp_path / "soft.toml"
    recipe.write_text(
        'name = "soft"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n[fit]\nepochs = 1\nsoft_labels = 0.5\n'
    )
    votes = write_votes(tmp_path / "votes.csv", lambda i, label: {label: 6, "neutral": 4})
    out = ("--data", made_csv, "--out", tmp_path / "run")
    assert "give --votes" in mien("fit", "--recipe", recipe, *out, module="train").error_line()
    done = mien("fit", "--recipe", recipe, *out, "--votes", votes, module="train")
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["labels"] == list(FER2013_LABELS)
    assert "votes_sha256" in metrics["data"]
    done = mien("quantize", tmp_path / "run" / "model.keras", "--data", made_csv, "--out", tmp_path / "int8.tflite",
                "--samples", 28, "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0,
                "--min-above-chance", -100,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
