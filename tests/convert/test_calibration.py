import hashlib

import cv2
import numpy as np
import pytest

from convert.calibration import evenly_spaced, representative_faces, representative_frames
from edge.datasets import Faces
from edge.errors import DataError, WrongUseError
from edge.inference.contract import FER2013_LABELS


@pytest.fixture
def training():
    """Sixty faces of every class but disgust, of which there are three."""
    class_ids = np.array([c for c in range(7) for _ in range(3 if c == 1 else 60)])
    images = np.random.default_rng(0).integers(1, 250, (len(class_ids), 48, 48)).astype(np.uint8)
    return Faces(images, class_ids, np.arange(len(class_ids)) * 2, FER2013_LABELS)


def test_classes_are_balanced_as_far_as_they_go(training):
    drawn = representative_faces(training, 63, 0)
    counts = np.bincount(training.class_ids[drawn.rows // 2], minlength=7)
    assert counts[1] == 3
    assert counts.sum() == 63
    assert counts[[0, 2, 3, 4, 5, 6]].tolist() == [10] * 6


def test_black_and_white_close_the_set(training):
    images = representative_faces(training, 14, 0).images
    assert images.shape == (16, 48, 48)
    assert images[-2].max() == 0
    assert images[-1].min() == 255


def test_the_draw_is_seeded_and_its_rows_are_hashed(training):
    a, b, c = (representative_faces(training, 70, seed) for seed in (1, 1, 2))
    assert a.as_dict() == b.as_dict()
    assert a.as_dict()["rows_sha256"] != c.as_dict()["rows_sha256"]
    text = "\n".join(map(str, a.rows))
    assert a.as_dict()["rows_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert len(set(a.rows.tolist())) == 70


def test_faces_are_as_large_as_the_model_takes_them(training):
    def larger(images):
        return np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)[:, :64, :64]

    drawn = representative_faces(training, 7, 0, None, larger)
    assert drawn.images.shape == (9, 64, 64)
    first = next(drawn.inputs((-1.0, 1.0)))[0]
    assert first.shape == (1, 64, 64, 1)
    assert first.dtype == np.float32
    assert -1 <= first.min() < first.max() <= 1


def test_too_few_and_too_many(training):
    with pytest.raises(WrongUseError, match="fewer than the 7 classes"):
        representative_faces(training, 6, 0)
    with pytest.raises(WrongUseError, match="more than the 363 faces"):
        representative_faces(training, 364, 0)


def test_faces_that_are_also_scored_are_excluded(training):
    scored = training.take(np.arange(0, len(training), 3))
    drawn = representative_faces(training, 200, 0, scored)
    assert not set(drawn.rows.tolist()) & set(scored.rows.tolist())
    assert drawn.as_dict()["left_out"] == len(scored)


def test_a_set_that_is_the_scored_one_is_rejected(training):
    with pytest.raises(DataError, match="363 of 363 faces of Training are also in the split to score on"):
        representative_faces(training, 70, 0, training)


def test_evenly_spaced_images_cover_the_whole_set():
    images = np.arange(700).reshape(700, 1, 1)
    assert evenly_spaced(images, 8)[:, 0, 0].tolist() == [0, 99, 199, 299, 399, 499, 599, 699]
    assert len(evenly_spaced(images[:3], 8)) == 3


def test_a_set_of_one_class_or_of_flat_images_is_rejected(training):
    with pytest.raises(DataError, match="all 60 faces of Training are happy"):
        representative_faces(training.take(np.flatnonzero(training.class_ids == 3)), 7, 0)
    black = Faces(np.zeros_like(training.images), training.class_ids, training.rows, training.labels)
    with pytest.raises(DataError, match="one flat gray"):
        representative_faces(black, 70, 0)


def test_frames_of_a_clip_are_letterboxed_and_seeded(demo_clip):
    a, b, c = (representative_frames(demo_clip, 8, seed, (192, 192)) for seed in (1, 1, 2))
    assert a.images.shape == (8, 192, 192, 3)
    assert a.rows.tolist() == b.rows.tolist() != c.rows.tolist()
    assert (np.diff(a.rows) > 0).all()
    assert a.rows.max() < 90
    # 640 x 480 in a square: black above and below, a picture between.
    assert a.images[:, :20].max() == 0
    assert a.images[:, 96].max() > 50
    assert a.drawn_from == "demo.mp4"


def test_missing_and_flat_frames_are_rejected(tmp_path):
    with pytest.raises(DataError, match="no clip or folder at"):
        representative_frames(tmp_path / "none.mp4", 8, 0, (192, 192))
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((40, 60, 3), np.uint8))
    with pytest.raises(DataError, match=r"all 3 frames of .* are one flat color"):
        representative_frames(tmp_path, 8, 0, (192, 192))
