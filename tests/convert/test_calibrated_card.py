"""`mien convert calibrate`: the scores of a shipped network, fitted to the votes of people."""

import json
import shutil

import numpy as np
import pytest

from convert.calibrated_card import fit_as_text
from convert.score_fit import fit_scores, vote_shares
from edge.datasets import load_dataset
from edge.errors import DataError
from edge.inference import Classifier, ScoreCalibration, read_model
from edge.inference.contract import FER2013_LABELS
from tests.conftest import SHIPPED
from tests.made_data import write_votes


def as_labeled(_, label):
    return {label: 9, "neutral": 1} if label != "neutral" else {label: 10}


@pytest.fixture
def votes(tmp_path):
    return write_votes(tmp_path / "votes.csv", as_labeled)


def confused(n=4000):
    """Scores of a network that calls half of the neutral faces sad, and the true shares."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 7, n)
    logits = random.normal(0, 1, (n, 7)) + 4 * np.eye(7)[truth]
    neutral = truth == 6
    # They are still told apart: an angry score goes with them.
    logits[neutral] += np.array([2.5, 0, 0, 0, 4.5, 0, 0])
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return scores.astype(np.float32), np.eye(7)[truth]


def test_the_matrix_corrects_a_confusion_on_faces_that_it_has_not_seen():
    scores, shares = confused()
    half = len(scores) // 2
    fit = fit_scores(scores[:half], shares[:half], FER2013_LABELS)
    assert fit.before["recall"]["neutral"] < 0.5
    assert fit.after["recall"]["neutral"] > 0.85
    assert fit.after["accuracy"] > fit.before["accuracy"] + 0.05
    calibration = ScoreCalibration(fit.weights, fit.bias)
    unseen = calibration(scores[half:]).argmax(axis=1) == shares[half:].argmax(axis=1)
    assert unseen.mean() == pytest.approx(fit.after["accuracy"], abs=0.03)
    again = fit_scores(scores[:half], shares[:half], FER2013_LABELS)
    np.testing.assert_array_equal(again.weights, fit.weights)


def test_scores_that_agree_with_the_votes_stay_as_they_are():
    random = np.random.default_rng(0)
    truth = random.integers(0, 7, 700)
    scores = np.where(np.eye(7)[truth] == 1, 0.7, 0.05).astype(np.float32)
    fit = fit_scores(scores, np.eye(7)[truth], FER2013_LABELS)
    assert not fit.is_needed
    np.testing.assert_allclose(ScoreCalibration(fit.weights, fit.bias)(scores), scores, atol=1e-5)
    assert "the scores stay as they are" in fit_as_text(fit)
    scores, shares = confused()
    fit = fit_scores(scores, shares, FER2013_LABELS)
    assert fit.is_needed
    assert "stay as they are" not in fit_as_text(fit)


def test_faces_with_too_few_votes_are_left_out(made_csv, tmp_path):
    def votes_of(i, label):
        return {label: 4, "unknown": 6} if i % 2 else {label: 5, "contempt": 5}

    faces = load_dataset(made_csv, ("PublicTest",), votes=write_votes(tmp_path / "v.csv", votes_of))["PublicTest"]
    shares = vote_shares(faces, FER2013_LABELS)
    assert shares.sum(axis=1).tolist() == [1.0, 0.0] * 35
    with pytest.raises(DataError, match=r"35 faces have at least 5 votes .*: expected at least 50"):
        fit_scores(np.full((70, 7), 1 / 7, np.float32), shares, FER2013_LABELS)


def test_a_class_without_votes_is_named():
    scores, shares = confused(500)
    kept = shares.argmax(axis=1) != 1
    with pytest.raises(DataError, match="no face has a vote for disgust"):
        fit_scores(scores[kept], shares[kept], FER2013_LABELS)


def test_the_command_writes_the_card_and_leaves_the_network(invoke, made_csv, votes, tmp_path):
    model, out = tmp_path / "m.tflite", tmp_path / "calibrated.tflite"
    shutil.copyfile(SHIPPED, model)
    options = ("--data", made_csv, "--votes", votes)
    done = invoke("calibrate", model, *options, "--out", out, module="convert")
    assert done.code == 0, done.err
    assert "70 faces with at least 5 votes" in done.out
    assert model.read_bytes() == SHIPPED.read_bytes()
    before, after = read_model(model), read_model(out)
    assert (after.graph, after.card.identity) == (before.graph, before.card.identity)
    entry = after.card.score_calibration
    assert (entry["n"], entry["split"], entry["seed"]) == (70, "PublicTest", 0)
    assert set(entry["room"]) == set(FER2013_LABELS)
    faces = load_dataset(made_csv, ("PublicTest",))["PublicTest"]
    classifier = Classifier(out)
    right = [
        faces.labels[i] == FER2013_LABELS[classifier.score_calibration(classifier.scores(face)).argmax()]
        for face, i in zip(faces.images, faces.class_ids, strict=True)
    ]
    # The calibration of the whole split is at least as good on it as those that had not seen all of it.
    assert np.mean(right) >= entry["after"]["accuracy"] - 0.03

    again = invoke("calibrate", model, *options, "--out", out, module="convert")
    assert (again.code, "exists: give another --out, or --force" in again.err) == (2, True)
    # Without --out, the card in the file is replaced.
    in_place = invoke("calibrate", model, *options, "--json", module="convert")
    assert json.loads(in_place.out) == entry
    assert model.read_bytes() == out.read_bytes()
    room = invoke("classify", tmp_path / "none.png", "--model", model, "--prior", "room")
    assert (room.code, "none.png" in room.err) == (1, True)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"--split": "Training"}, 2, "--split Training is what the model was fitted on"),
        ({"--votes": "missing.csv"}, 1, "no votes at missing.csv: expected FER+'s fer2013new.csv"),
        ({"--regularization": "0"}, 2, "regularization"),
        ({"--data": "missing.csv"}, 1, "no data set at missing.csv"),
    ],
)
def test_wrong_arguments(invoke, made_csv, votes, tmp_path, changes, code, message):
    options = {"--data": made_csv, "--votes": votes, "--out": tmp_path / "out.tflite"} | changes
    done = invoke("calibrate", SHIPPED, *(part for pair in options.items() for part in pair), module="convert")
    assert (done.code, message in done.err) == (code, True), done.err
    assert not (tmp_path / "out.tflite").exists()


def test_a_card_beside_the_file_needs_an_out(invoke, made_csv, votes, tmp_path):
    model = read_model(SHIPPED)
    (tmp_path / "m.tflite").write_bytes(model.graph)
    (tmp_path / "m.json").write_text(json.dumps({"name": "m", "labels": model.card.labels}))
    options = ("--data", made_csv, "--votes", votes)
    done = invoke("calibrate", tmp_path / "m.tflite", *options, module="convert")
    assert (done.code, "has its card beside it: give --out" in done.err) == (2, True)
    done = invoke("calibrate", tmp_path / "m.tflite", *options, "--out", tmp_path / "n.tflite", module="convert")
    assert done.code == 0, done.err
    assert read_model(tmp_path / "n.tflite").card.score_calibration["n"] == 70
