"""Whether outputs are probabilities."""

import numpy as np
import pytest

from train.models.probabilities import are_probabilities, needs_softmax


def test_probabilities_that_are_rounded_to_8_bits():
    """All seven may be rounded up: the worst case of an int8 softmax, whose step is 1/256."""
    exact = np.array([[18.5, 18.5, 18.5, 18.5, 18.5, 18.5, 145]], np.float32) / 256
    assert exact.sum() == 1
    for rounded in (np.ceil(256 * exact) / 256, np.floor(256 * exact) / 256):
        assert abs(rounded.sum() - 1) > 0.01
        assert are_probabilities(rounded)


@pytest.mark.parametrize("scores", [[0.3] * 7, [0.1] * 7, [1.2, -0.2, 0, 0, 0, 0, 0], [float("nan")] * 7])
def test_what_are_no_probabilities(scores):
    assert not are_probabilities(np.array([scores], np.float32))


def test_logits(tmp_path):
    assert needs_softmax(np.array([[2.0, -1.0, 0.5]], np.float32), tmp_path)
    assert not needs_softmax(np.array([[0.5, 0.25, 0.25]], np.float32), tmp_path)
