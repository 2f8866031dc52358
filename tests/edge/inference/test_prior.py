import numpy as np
import pytest

from edge.errors import WrongUseError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.prior import FER2013_FACES, PriorCorrection

LEARNED = np.array([FER2013_FACES[label] for label in FER2013_LABELS]) / sum(FER2013_FACES.values())


def test_what_knows_nothing_answers_with_the_frequencies():
    corrected = PriorCorrection(["neutral=0.6"], FER2013_LABELS)(LEARNED.astype(np.float32))
    assert corrected[6] == pytest.approx(0.6, abs=1e-6)
    assert corrected.sum() == pytest.approx(1)
    # The others keep their order among each other.
    np.testing.assert_allclose(corrected[:6] / corrected[0], LEARNED[:6] / LEARNED[0], rtol=1e-5)


def test_learned_frequencies_change_nothing():
    wanted = [f"{label}={share}" for label, share in zip(FER2013_LABELS, LEARNED, strict=True)]
    scores = np.random.default_rng(0).dirichlet(np.ones(7)).astype(np.float32)
    np.testing.assert_allclose(PriorCorrection(wanted, FER2013_LABELS)(scores), scores, rtol=1e-5)


def test_labels_in_another_order():
    turned = tuple(reversed(FER2013_LABELS))
    scores = np.random.default_rng(0).dirichlet(np.ones(7)).astype(np.float32)
    one, other = (PriorCorrection(["sad=0.5"], labels) for labels in (FER2013_LABELS, turned))
    np.testing.assert_allclose(one(scores), other(scores[::-1])[::-1], rtol=1e-6)


def test_scores_of_nothing_but_zeros_stay():
    assert not PriorCorrection(["sad=0.5"], FER2013_LABELS)(np.zeros(7, np.float32)).any()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["neutral"], "expected LABEL=SHARE"),
        (["bored=0.5"], "expected LABEL=SHARE"),
        (["neutral=0"], "above 0"),
        (["neutral=nan"], "expected LABEL=SHARE"),
        (["neutral=0.7", "happy=0.6"], "sum up to 1.3"),
        (["neutral=1"], "sum up to 1"),
        (["neutral=0.5", "neutral=0.2"], "each expression once"),
    ],
)
def test_wrong_priors(wanted, said):
    with pytest.raises(WrongUseError, match=said):
        PriorCorrection(wanted, FER2013_LABELS)


def test_a_model_of_other_classes():
    with pytest.raises(WrongUseError, match="this model has"):
        PriorCorrection(["neutral=0.5"], EIGHT_LABELS)
