import logging

import numpy as np
import pytest

from edge.datasets import load_dataset
from edge.datasets.ferplus import relabel_by_votes
from edge.errors import WrongUseError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.prior import FER2013_FACES, FERPLUS_FACES, PriorCorrection, open_correction
from edge.inference.score_calibration import ScoreCalibration

TRAINING_SHARES = np.array([FER2013_FACES[label] for label in FER2013_LABELS]) / sum(FER2013_FACES.values())


def test_uninformative_scores_become_the_prior():
    corrected = PriorCorrection(["neutral=0.6"], FER2013_LABELS)(TRAINING_SHARES.astype(np.float32))
    assert corrected[6] == pytest.approx(0.6, abs=1e-6)
    assert corrected.sum() == pytest.approx(1)
    # The ratios among the others are unchanged.
    np.testing.assert_allclose(corrected[:6] / corrected[0], TRAINING_SHARES[:6] / TRAINING_SHARES[0], rtol=1e-5)


def test_the_frequencies_of_a_model_that_was_trained_on_votes_are_those_of_the_votes():
    table = {"weights": np.eye(7).tolist(), "bias": [0] * 7, "is_needed": False}
    votes = ScoreCalibration.from_card(table, FER2013_LABELS)
    shares = np.array([FERPLUS_FACES[label] for label in FER2013_LABELS], np.float32)
    shares /= shares.sum()
    np.testing.assert_allclose(open_correction(["fer2013"], FER2013_LABELS, votes)(shares), TRAINING_SHARES, rtol=1e-5)
    needed = ScoreCalibration.from_card({**table, "is_needed": True}, FER2013_LABELS)
    np.testing.assert_allclose(open_correction(["fer2013"], FER2013_LABELS, needed)(shares), shares, rtol=1e-5)


def test_the_frequencies_are_those_of_the_votes(fer2013, ferplus):
    training = load_dataset(fer2013, ("Training",), votes=ferplus)["Training"]
    counts = relabel_by_votes(training, "probability").targets.sum(axis=0)[:7]
    assert {label: round(float(n)) for label, n in zip(FER2013_LABELS, counts, strict=True)} == FERPLUS_FACES


def test_the_prior_of_the_training_data_changes_nothing():
    priors = [f"{label}={share}" for label, share in zip(FER2013_LABELS, TRAINING_SHARES, strict=True)]
    scores = np.random.default_rng(0).dirichlet(np.ones(7)).astype(np.float32)
    np.testing.assert_allclose(PriorCorrection(priors, FER2013_LABELS)(scores), scores, rtol=1e-5)


def test_labels_in_another_order():
    reversed_labels = tuple(reversed(FER2013_LABELS))
    scores = np.random.default_rng(0).dirichlet(np.ones(7)).astype(np.float32)
    one, other = (PriorCorrection(["sad=0.5"], labels) for labels in (FER2013_LABELS, reversed_labels))
    np.testing.assert_allclose(one(scores), other(scores[::-1])[::-1], rtol=1e-6)


def test_scores_that_are_all_zero_stay_zero():
    assert not PriorCorrection(["sad=0.5"], FER2013_LABELS)(np.zeros(7, np.float32)).any()


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        (["neutral"], "expected LABEL=SHARE"),
        (["bored=0.5"], "expected LABEL=SHARE"),
        (["neutral=0"], "above 0"),
        (["neutral=nan"], "expected LABEL=SHARE"),
        (["neutral=0.7", "happy=0.6"], "add up to 1.3"),
        (["neutral=1"], "add up to 1"),
        (["neutral=0.5", "neutral=0.2"], "each expression only once"),
    ],
)
def test_invalid_priors_are_rejected(priors, message):
    with pytest.raises(WrongUseError, match=message):
        PriorCorrection(priors, FER2013_LABELS)


def test_a_model_with_other_classes_is_rejected():
    with pytest.raises(WrongUseError, match="but this model has"):
        PriorCorrection(["neutral=0.5"], EIGHT_LABELS)


def calibrated(shift=0.0):
    """A calibration that adds to neutral."""
    table = {"weights": np.eye(7).tolist(), "bias": [0] * 7, "room": {"neutral": shift}}
    return ScoreCalibration.from_card(table, FER2013_LABELS)


SCORES = np.array([0.05, 0.05, 0.05, 0.1, 0.4, 0.05, 0.3], np.float32)


@pytest.mark.parametrize("priors", [(), ("auto",), ("room",)])
def test_the_default_is_the_room_of_a_calibrated_model(priors):
    correction = open_correction(priors, FER2013_LABELS, calibrated(1.0))
    corrected = correction(SCORES)
    assert FER2013_LABELS[corrected.argmax()] == "neutral"
    assert corrected.sum() == pytest.approx(1)


def test_the_default_of_a_model_without_calibration_is_none_with_a_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        assert open_correction(("auto",), FER2013_LABELS, None, model="old@1") is None
    assert [record.message for record in caplog.records] == [
        "old@1 has no score calibration: its scores are used as they are (prior none)"
    ]


def test_a_room_that_is_asked_for_needs_a_calibration():
    with pytest.raises(WrongUseError, match=r"old@1 has no score calibration: .*mien convert calibrate"):
        open_correction(("room",), FER2013_LABELS, None, model="old@1")


def test_none_is_none():
    assert open_correction(("none",), FER2013_LABELS, calibrated(1.0)) is None


def test_fer2013_undoes_the_logit_adjustment():
    shifts = {"disgust": 1.0, "happy": -0.5}
    np.testing.assert_allclose(open_correction(("fer2013",), FER2013_LABELS)(SCORES), SCORES, rtol=1e-5)
    adjusted = SCORES * np.exp([shifts.get(label, 0.0) for label in FER2013_LABELS])
    adjusted = (adjusted / adjusted.sum()).astype(np.float32)
    undone = open_correction(("fer2013",), FER2013_LABELS, calibrated(1.0), shifts)(adjusted)
    np.testing.assert_allclose(undone, SCORES, rtol=1e-5)
    # Shares as well are shares of the scores as they were trained.
    one, other = (open_correction(("sad=0.1",), FER2013_LABELS, None, each) for each in (None, shifts))
    np.testing.assert_allclose(one(SCORES), other(adjusted), rtol=1e-5)


@pytest.mark.parametrize(
    "priors", [("room", "neutral=0.5"), ("neutral=0.5", "none"), ("room", "none"), ("room", "room")]
)
def test_a_name_stands_alone(priors):
    with pytest.raises(WrongUseError, match="expected either one of auto, room, none, fer2013 or shares"):
        open_correction(priors, FER2013_LABELS, calibrated())


def test_an_unknown_name_is_rejected_with_the_known_ones():
    with pytest.raises(WrongUseError, match=r"prior 'kitchen': .* or one of auto, room, none, fer2013"):
        open_correction(("kitchen",), FER2013_LABELS, calibrated())
