import numpy as np
import pytest
import sklearn.metrics

from edge.evaluation.classification import score

LABELS = ("a", "b", "c", "d")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_scikit_learns(seed):
    random = np.random.default_rng(seed)
    truth, answers = random.integers(0, 3, 50), random.integers(0, 4, 50)
    ours = score(truth, answers, LABELS)
    assert ours.accuracy == pytest.approx(sklearn.metrics.accuracy_score(truth, answers))
    assert ours.macro_f1 == pytest.approx(sklearn.metrics.f1_score(truth, answers, average="macro"))
    assert ours.confusion == sklearn.metrics.confusion_matrix(truth, answers, labels=range(4)).tolist()
    recalls = sklearn.metrics.recall_score(truth, answers, average=None, labels=range(4), zero_division=0)
    assert list(ours.recall.values()) == pytest.approx(list(recalls))
    precisions = sklearn.metrics.precision_score(truth, answers, average=None, labels=range(4), zero_division=0)
    assert list(ours.precision.values()) == pytest.approx(list(precisions))


def test_a_class_that_is_nowhere_does_not_count():
    ours = score(np.array([0, 1]), np.array([0, 1]), LABELS)
    assert ours.macro_f1 == 1.0
    assert ours.support == {"a": 1, "b": 1, "c": 0, "d": 0}
