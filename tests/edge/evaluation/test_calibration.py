import json

import numpy as np
import pytest

from edge.evaluation.calibration import measure_calibration


def two_classes(scores, right):
    """Faces answered as class 0 with these scores, labeled 0 if correct."""
    scores = np.array(scores, np.float32)
    return np.stack([scores, 1 - scores], axis=1), np.where(right, 0, 1).astype(np.int64)


def test_ece_by_hand():
    # Five bins. (0.6, 0.8]: scores 0.7 and 0.8, one of two right. (0.8, 1]: 0.9, 0.9, 1.0, all right.
    probabilities, class_ids = two_classes([0.7, 0.8, 0.9, 0.9, 1.0], [True, False, True, True, True])
    found = measure_calibration(probabilities, class_ids, n_bins=5)
    assert found.ece == pytest.approx(2 / 5 * abs(0.5 - 0.75) + 3 / 5 * abs(1 - 2.8 / 3), abs=1e-6)
    assert [one.n for one in found.bins] == [0, 0, 0, 2, 3]
    assert found.bins[3].accuracy == 0.5
    assert found.bins[3].confidence == pytest.approx(0.75)
    assert found.bins[0].accuracy is None


def test_a_score_on_an_edge_belongs_below_it():
    probabilities, class_ids = two_classes([0.6, 0.8], [True, True])
    assert [one.n for one in measure_calibration(probabilities, class_ids, n_bins=5).bins] == [0, 0, 1, 1, 0]


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    probabilities, class_ids = two_classes([0.75] * 400, np.arange(400) % 4 != 0)
    assert measure_calibration(probabilities, class_ids).ece == pytest.approx(0, abs=1e-6)


def test_an_int8_softmax_that_ends_beyond_one_is_counted():
    probabilities, class_ids = two_classes([1.003, 0.0], [True, False])
    assert sum(one.n for one in measure_calibration(probabilities, class_ids).bins) == 2


def test_json_has_no_nan():
    probabilities, class_ids = two_classes([0.9], [True])
    json.dumps(measure_calibration(probabilities, class_ids).as_dict(), allow_nan=False)
