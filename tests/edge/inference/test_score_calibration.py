import json

import numpy as np
import pytest

from edge.errors import CardError
from edge.inference.model_card import ModelCard, read_model, write_model
from edge.inference.score_calibration import SCORE_FLOOR, ScoreCalibration

LABELS = ("sad", "happy", "neutral")
GRAPH = b"\x1c\x00\x00\x00TFL3" + bytes(range(256))
IDENTITY = {"weights": np.eye(3).tolist(), "bias": [0, 0, 0], "room": {}}


def calibration(**changes):
    return ScoreCalibration.from_card({**IDENTITY, **changes}, LABELS)


def test_the_identity_changes_nothing():
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 50).astype(np.float32).clip(SCORE_FLOOR)
    scores /= scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibration()(scores), scores, atol=1e-5)


def test_a_column_of_the_matrix_moves_one_class_to_another():
    # Half of what is called sad is neutral: each log-score of sad adds to neutral.
    moved = calibration(weights=[[1, 0, 0], [0, 1, 0], [0.8, 0, 1]])
    sad, happy = np.array([0.7, 0.1, 0.2], np.float32), np.array([0.05, 0.9, 0.05], np.float32)
    assert LABELS[moved(sad).argmax()] == "sad"
    assert LABELS[moved(happy).argmax()] == "happy"
    logits = np.log(sad) @ np.array([[1, 0, 0], [0, 1, 0], [0.8, 0, 1]]).T
    np.testing.assert_allclose(moved(sad), np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)


def test_the_room_shifts_come_on_top_only_when_asked_for():
    shifted = calibration(room={"neutral": 1.5})
    scores = np.array([0.5, 0.2, 0.3], np.float32)
    np.testing.assert_allclose(shifted(scores), calibration()(scores))
    expected = scores * np.exp([0, 0, 1.5])
    np.testing.assert_allclose(shifted(scores, room=True), expected / expected.sum(), rtol=1e-5)


@pytest.mark.parametrize("scores", [[0, 0, 0], [1, 0, 0], [1, 1, 1], [1e-30, 1e30, 0]])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_result_is_a_distribution_whatever_comes(scores, size):
    weights = (size * np.random.default_rng(0).uniform(-1, 1, (3, 3))).tolist()
    out = calibration(weights=weights, bias=[size, -size, 0])(np.array(scores, np.float32), room=True)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    assert out.sum() == pytest.approx(1, abs=1e-5)


def test_a_zero_is_the_same_as_the_floor():
    np.testing.assert_array_equal(
        calibration()(np.array([0, 0.5, 0.5], np.float32)),
        calibration()(np.array([SCORE_FLOOR / 3, 0.5, 0.5], np.float32)),
    )


def test_a_card_without_one():
    assert ScoreCalibration.from_card({}, LABELS) is None


WRONG = [
    ({"weights": np.eye(2).tolist()}, r"weights .*: expected 3 rows of 3 numbers"),
    ({"weights": [[1, 0, 0], [0, 1, 0], [0, 0]]}, "expected 3 rows"),
    ({"weights": [[1, 0, 0], [0, 1, 0], [0, 0, float("nan")]]}, "expected 3 rows"),
    ({"weights": "identity"}, "expected 3 rows"),
    ({"weights": None}, "expected 3 rows"),
    ({"bias": [0, 0]}, "bias .*: expected 3 numbers"),
    ({"bias": [0, 0, float("inf")]}, "bias .*: expected 3 numbers"),
    ({"bias": [0, 0, 10**400]}, "bias .*: expected 3 numbers"),
    ({"bias": [0, 0, True]}, "bias .*: expected 3 numbers"),
    ({"bias": [0, 0, "1"]}, "bias .*: expected 3 numbers"),
    ({"room": {"bored": 1.0}}, "room .*: expected an object from the model's labels"),
    ({"room": {"sad": float("nan")}}, "room .*: expected an object"),
    ({"room": [0, 0, 0]}, "room .*: expected an object"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_a_damaged_calibration_is_an_error_of_the_card(changes, message, tmp_path):
    with pytest.raises(CardError, match=message):
        calibration(**changes)
    path = tmp_path / "m.tflite"
    with pytest.raises(CardError, match=message):
        write_model(path, GRAPH, ModelCard(name="m", labels=LABELS, score_calibration={**IDENTITY, **changes}))


@pytest.mark.parametrize(
    "entry",
    [
        {"score_calibration": [1]},
        {"score_adjustment": "none"},
        {"score_adjustment": {"shifts": {"bored": 1}}},
        {"score_adjustment": {"shifts": {"sad": "1"}}},
        {"score_adjustment": {"shifts": {"sad": 1000}}},
        {"score_adjustment": {"shifts": [1, 2, 3]}},
    ],
)
def test_damaged_entries_of_a_side_card(entry, tmp_path):
    (tmp_path / "m.tflite").write_bytes(GRAPH)
    (tmp_path / "m.json").write_text(json.dumps({"name": "m", "labels": LABELS, **entry}))
    with pytest.raises(CardError, match=next(iter(entry))):
        read_model(tmp_path / "m.tflite")
