import hashlib

import numpy as np
import pytest

from convert.calibrate import representative_set
from edge.contract import FER2013_LABELS
from edge.dataset import Faces
from edge.errors import WrongUseError


@pytest.fixture
def training():
    """Sixty faces of every class but disgust, of which there are three."""
    class_ids = np.array([c for c in range(7) for _ in range(3 if c == 1 else 60)])
    images = np.random.default_rng(0).integers(1, 250, (len(class_ids), 48, 48)).astype(np.uint8)
    return Faces(images, class_ids, np.arange(len(class_ids)) * 2, FER2013_LABELS)


def test_classes_are_balanced_as_far_as_they_go(training):
    drawn = representative_set(training, 63, 0)
    counts = np.bincount(training.class_ids[drawn.rows // 2], minlength=7)
    assert counts[1] == 3
    assert counts.sum() == 63
    assert counts[[0, 2, 3, 4, 5, 6]].tolist() == [10] * 6


def test_black_and_white_close_the_set(training):
    images = representative_set(training, 14, 0).images
    assert images.shape == (16, 48, 48)
    assert images[-2].max() == 0
    assert images[-1].min() == 255


def test_the_draw_is_seeded_and_its_rows_are_hashed(training):
    a, b, c = (representative_set(training, 70, seed) for seed in (1, 1, 2))
    assert a.as_dict() == b.as_dict()
    assert a.as_dict()["rows_sha256"] != c.as_dict()["rows_sha256"]
    text = "\n".join(map(str, a.rows))
    assert a.as_dict()["rows_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert len(set(a.rows.tolist())) == 70


def test_too_few_and_too_many(training):
    with pytest.raises(WrongUseError, match="fewer than the 7 classes"):
        representative_set(training, 6, 0)
    with pytest.raises(WrongUseError, match="more than the 363 faces"):
        representative_set(training, 364, 0)
