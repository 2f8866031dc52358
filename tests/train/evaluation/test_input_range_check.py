"""On which values a network was trained."""

import numpy as np

from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping
from train.evaluation.input_range_check import N_FACES, find_better_range

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (600, 48, 48)).astype(np.uint8)
CLASS_IDS = RANDOM.integers(0, 7, 600)


def network_trained_on(low, high, accuracy=0.7):
    """Scores of a network that is right for `accuracy` of the faces on its own values, and guesses on others."""
    seen = []

    def scores(images, mapping):
        seen.append(len(images))
        rows = [int(np.flatnonzero((image == IMAGES).all(axis=(1, 2)))[0]) for image in images]
        own = (mapping.low, mapping.high) == (low, high)
        right = np.random.default_rng(1).random(len(images)) < (accuracy if own else 1 / 7)
        return np.eye(7, dtype=np.float32)[(CLASS_IDS[rows] + ~right) % 7]

    scores.seen = seen
    return scores


def test_another_range_is_named_with_what_both_read():
    found = find_better_range(network_trained_on(0.0, 1.0), IMAGES, CLASS_IDS, AS_PIXELS)
    assert found.better == PixelMapping(0.0, 1.0)
    assert found.accuracy_better > 0.6 > 0.3 > found.accuracy_used
    assert f"of {N_FACES} faces are right with --input-range 0 255" in str(found)
    assert str(found).endswith("with --input-range 0 1")


def test_the_right_range_is_not_doubted():
    for low, high in ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)):
        scores = network_trained_on(low, high)
        assert find_better_range(scores, IMAGES, CLASS_IDS, PixelMapping(low, high)) is None
    assert set(scores.seen) == {N_FACES}


def test_a_few_faces_are_no_evidence():
    assert find_better_range(network_trained_on(0.0, 1.0), IMAGES[:8], CLASS_IDS[:8], AS_PIXELS) is None


def test_a_network_that_normalizes_its_input_is_not_doubted():
    found = find_better_range(network_trained_on(0.0, 1.0, accuracy=1 / 7 + 0.03), IMAGES, CLASS_IDS, AS_PIXELS)
    assert found is None
