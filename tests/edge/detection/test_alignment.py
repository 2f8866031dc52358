import cv2
import numpy as np
import pytest

from edge.detection.alignment import align_face, crop_face, roll_deg
from edge.images import downscale
from edge.types import Detection
from tests.conftest import PORTRAIT


def test_a_crop_is_resized_to_the_given_size():
    image = np.random.default_rng(2).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    for box in ((60.0, 50.0, 110.0, 110.0), (-20.0, 180.0, 100.0, 90.0), (10.0, 10.0, 20.0, 20.0)):
        whole = crop_face(image, box, 0.17)
        assert (crop_face(image, box, 0.17, 48) == downscale(whole, (48, 48))).all()


def face_of(box, right_eye, left_eye):
    return Detection(box, 0.9, np.array([right_eye, left_eye], np.float32))


def test_roll_is_the_angle_of_the_line_through_the_eyes():
    box = (100.0, 100.0, 100.0, 100.0)
    assert roll_deg(face_of(box, (130, 140), (170, 140))) == 0
    assert roll_deg(face_of(box, (130, 120), (170, 160))) == pytest.approx(45)
    assert roll_deg(face_of(box, (130, 160), (170, 120))) == pytest.approx(-45)
    # In profile, the eyes are too close together for a reliable angle.
    assert roll_deg(face_of(box, (150, 140), (155, 155))) == 0
    assert roll_deg(Detection(box, 0.9)) == 0


@pytest.mark.parametrize("size", [None, 48])
@pytest.mark.parametrize("roll", [-60, -30, 30, 80])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_a_rolled_face_is_aligned(roll, scale, size):
    """The portrait, rotated about the center of its face, gives the same crop as without rotation."""
    image = cv2.resize(cv2.imread(str(PORTRAIT)), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = tuple(scale * v for v in (130.0, 75.0, 110.0, 110.0))
    center = (box[0] + box[2] / 2, box[1] + box[3] / 2)
    rotation = cv2.getRotationMatrix2D((center[0] - 0.5, center[1] - 0.5), -roll, 1)
    rotated = cv2.warpAffine(image, rotation, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    eyes = [rotation @ (scale * x, scale * y, 1) for x, y in ((160, 115), (210, 115))]
    face = face_of(box, *eyes)
    assert roll_deg(face) == pytest.approx(roll, abs=0.1)
    reference = crop_face(image, box, 0.17, size)
    crop = align_face(rotated, face, 0.17, size)
    assert crop.shape == reference.shape
    # Fine hair is blurred after two rotations; a crop that is off by one pixel of 48 has 0.93.
    assert np.corrcoef(crop.ravel(), reference.ravel())[0, 1] > 0.95
    not_aligned = crop_face(rotated, box, 0.17, size)
    assert np.corrcoef(not_aligned.ravel(), reference.ravel())[0, 1] < 0.8


def test_a_face_with_little_roll_is_cropped_without_rotation():
    image = np.random.default_rng(3).integers(0, 256, (200, 200)).astype(np.uint8)
    face = face_of((50.0, 50.0, 80.0, 80.0), (70, 80), (110, 89))
    assert 10 < roll_deg(face) < 15
    assert (align_face(image, face, 0.17, 48) == crop_face(image, face.box, 0.17, 48)).all()


def test_rolled_faces_outside_the_frame_and_empty_boxes():
    image = np.full((60, 60, 3), 90, np.uint8)
    for box in ((-40.0, -40.0, 50.0, 50.0), (50.0, 50.0, 40.0, 40.0), (200.0, 10.0, 30.0, 30.0), (5.0, 5.0, 0.0, 0.0)):
        crop = align_face(image, face_of(box, (box[0], box[1]), (box[0] + 20, box[1] + 20)), 0.17, 48)
        assert crop.shape == (48, 48)
        assert (crop == 90).all()


def test_crops_are_square_and_repeat_the_edge_of_the_frame():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert crop_face(image, (2, 3, 4, 4), 0.0).tolist() == image[3:7, 2:6].tolist()
    assert crop_face(image, (2, 2, 4, 2), 0.0).shape == (4, 4)
    assert crop_face(image, (2, 2, 4, 4), 0.5).shape == (6, 6)
    corner = crop_face(image, (-2, -2, 4, 4), 0.0)
    assert corner[0].tolist() == [0, 0, 0, 1]
    assert corner.shape == (4, 4)
    beyond = crop_face(image, (8, 8, 4, 4), 0.0)
    assert beyond[3].tolist() == [98, 99, 99, 99]
    assert crop_face(image, (50, 50, 4, 4), 0.0).tolist() == [[99] * 4] * 4
    assert crop_face(image, (-50, 4, 4, 4), 0.0).shape == (4, 4)
    assert crop_face(image, (5, 5, 0, 0), 0.0).shape == (1, 1)
    color = np.dstack([image] * 3)
    assert crop_face(color, (2, 3, 4, 4), 0.0).shape == (4, 4)
