import numpy as np
import pytest

from edge.benchmark.selective_accuracy import measure_selective
from edge.events import UNCERTAIN_BELOW


def faces(bands):
    """Scores and labels of two classes: in each band, (score, n, right), `right` of `n` predictions are correct."""
    scores = np.concatenate([np.full(n, score) for score, n, _ in bands])
    wrong = np.concatenate([np.arange(n) >= right for _, n, right in bands])
    return np.stack([scores, 1 - scores], axis=1).astype(np.float32), wrong.astype(np.int64)


def test_the_best_threshold_withholds_what_is_more_often_wrong_than_right():
    found = measure_selective(*faces([(0.52, 50, 10), (0.62, 50, 20), (0.72, 50, 30), (0.92, 50, 48)]))
    # Below 0.65 the bands are 20 % and 40 % correct, above it 60 % and 96 %.
    assert found.best == 0.65
    row = next(row for row in found.rows if row.threshold == 0.65)
    assert row.answered == 0.5
    assert row.accuracy.value == pytest.approx(0.78)
    assert row.accuracy_unanswered.value == pytest.approx(0.3)
    assert row.net == pytest.approx((78 - 22) / 200)


def test_a_model_that_is_mostly_right_answers_everything():
    found = measure_selective(*faces([(0.55, 50, 40), (0.95, 50, 50)]))
    assert found.best == 0.0


def test_the_default_is_that_of_a_run():
    found = measure_selective(*faces([(0.9, 10, 9)]))
    assert found.default.threshold == UNCERTAIN_BELOW
    assert found.default.accuracy.low < 0.9 < found.default.accuracy.high
    assert found.default.accuracy_unanswered is None
    assert found.as_dict()["rows"][0]["accuracy"]["value"] == pytest.approx(0.9)
    # Above every score nothing is answered.
    assert found.rows[-1].accuracy is None
