from itertools import pairwise

import numpy as np
import pytest

from edge.evaluation.selective import THRESHOLDS, selective_accuracy


def test_each_threshold_counts_answers_and_correct_answers():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.45, 0.55], [0.8, 0.2]], np.float32)
    class_ids = np.array([0, 1, 1, 0])
    all_, some, none = selective_accuracy(probabilities, class_ids, (0.0, 0.6, 0.95))
    assert (all_.n, all_.answered, all_.correct, all_.correct_unanswered) == (4, 4, 3, 0)
    assert (some.answered, some.correct, some.correct_unanswered) == (3, 2, 1)
    assert some.share == 0.75
    assert (none.answered, none.correct, none.correct_unanswered) == (0, 0, 3)


def test_answers_become_fewer_and_add_up():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(7, 0.5), 200).astype(np.float32)
    class_ids = random.integers(0, 7, 200)
    points = selective_accuracy(probabilities, class_ids)
    assert [point.threshold for point in points] == list(THRESHOLDS)
    assert all(a.answered >= b.answered for a, b in pairwise(points))
    right = int((probabilities.argmax(axis=1) == class_ids).sum())
    assert {point.correct + point.correct_unanswered for point in points} == {right}


def test_a_score_at_the_threshold_is_answered():
    points = selective_accuracy(np.array([[0.5, 0.5]], np.float32), np.array([0]), (0.5, 0.5001))
    assert [point.answered for point in points] == [1, 0]


def test_without_faces():
    (point,) = selective_accuracy(np.empty((0, 7), np.float32), np.empty(0, np.int64), (0.5,))
    assert (point.n, point.share) == (0, pytest.approx(0.0))
