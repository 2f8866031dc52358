import numpy as np
import pytest

from edge.errors import WrongUseError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.prior import FER2013_FACES, PriorCorrection

TRAINING_SHARES = np.array([FER2013_FACES[label] for label in FER2013_LABELS]) / sum(FER2013_FACES.values())


def test_uninformative_scores_become_the_prior():
    corrected = PriorCorrection(["neutral=0.6"], FER2013_LABELS)(TRAINING_SHARES.astype(np.float32))
    assert corrected[6] == pytest.approx(0.6, abs=1e-6)
    assert corrected.sum() == pytest.approx(1)
    # The ratios among the others are unchanged.
    np.testing.assert_allclose(corrected[:6] / corrected[0], TRAINING_SHARES[:6] / TRAINING_SHARES[0], rtol=1e-5)


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
