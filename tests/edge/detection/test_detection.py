import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge.boxes import iou
from edge.detection import open_detector
from edge.detection.blazeface import BlazeFace, BlazeFaceShort, anchor_centers, blend, decode
from edge.errors import DetectorError, WeightsMissingError, WrongUseError
from edge.types import Frame
from tests.conftest import PORTRAIT

BLAZEFACES = ("blazeface", "blazeface-short")


def frame_of(image):
    return Frame(np.ascontiguousarray(image), 0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def portrait():
    return cv2.imread(str(PORTRAIT))


@pytest.fixture(scope="module")
def crowd(portrait):
    """Twenty faces: the portrait's head in five columns and four rows."""
    head = cv2.resize(portrait[50:210, 105:265], (160, 160), interpolation=cv2.INTER_AREA)
    return np.vstack([np.hstack([head] * 5)] * 4)


def test_there_is_an_anchor_for_every_output():
    assert anchor_centers(BlazeFaceShort.variant).shape == (896, 2)
    full = anchor_centers(BlazeFace.variant)
    assert full.shape == (2304, 2)
    assert full[0].tolist() == pytest.approx([0.5 / 48] * 2)
    assert full[1].tolist() == pytest.approx([1.5 / 48, 0.5 / 48])


def test_decoding_is_relative_to_the_anchor():
    raw = np.zeros((1, 16), np.float32)
    raw[0, :6] = [10, -4, 20, 8, 1, 2]
    points = decode(raw, np.array([[0.5, 0.25]], np.float32), 192)
    assert points[0, 0].tolist() == [96 + 10 - 10, 48 - 4 - 4]
    assert points[0, 1].tolist() == [96 + 10 + 10, 48 - 4 + 4]
    assert points[0, 2].tolist() == [97, 50]


def test_overlapping_detections_are_blended_and_distant_ones_stay():
    boxes = np.zeros((3, 8, 2), np.float32)
    boxes[0, 1] = boxes[1, 1] = 10
    boxes[1, :2] += 1
    boxes[2, :2] = [[50, 50], [60, 60]]
    found = blend(boxes, np.array([0.6, 0.9, 0.8], np.float32))
    assert [f.confidence for f in found] == pytest.approx([0.9, 0.8])
    assert found[0].box == pytest.approx((0.6, 0.6, 10, 10))


@pytest.mark.parametrize("name", [*BLAZEFACES, "haar"])
def test_the_portrait_has_one_face_where_it_is(name, portrait, weights):
    faces = open_detector(name).detect(frame_of(portrait))
    assert len(faces) == 1
    # Eyes, nose and mouth as seen in the image.
    assert iou(faces[0].box, (130, 75, 110, 110)) > 0.5
    assert 0.5 < faces[0].confidence <= 1
    if name != "haar":
        x, y, w, h = faces[0].box
        right_eye, left_eye, nose, mouth = faces[0].key_points[:4]
        assert x < right_eye[0] < nose[0] < left_eye[0] < x + w
        assert right_eye[1] < nose[1] < mouth[1] < y + h


@pytest.mark.parametrize("name", [*BLAZEFACES, "haar"])
def test_boxes_move_with_the_image(name, portrait, weights):
    detector = open_detector(name)
    x, y, w, h = detector.detect(frame_of(portrait))[0].box
    wide = cv2.copyMakeBorder(portrait, 0, 60, 100, 0, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    moved = detector.detect(frame_of(wide))[0].box
    assert iou(moved, (x + 100, y, w, h)) > 0.75
    tall = detector.detect(frame_of(cv2.resize(portrait, None, fx=2, fy=2)))[0].box
    assert iou(tall, (2 * x, 2 * y, 2 * w, 2 * h)) > 0.75


@pytest.mark.parametrize("name", [*BLAZEFACES, "haar"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (640, 1), (23, 40), (480, 640)])
def test_an_image_without_a_face_has_no_detections(name, shape, weights):
    assert open_detector(name).detect(frame_of(np.full(shape, 120, np.uint8))) == []


def test_twelve_megapixels(portrait, weights):
    big = cv2.resize(portrait, (4000, 3000))
    faces = open_detector("blazeface").detect(frame_of(big))
    assert len(faces) == 1
    assert faces[0].box[2] > 500


def test_faces_are_found_in_gray_frames(portrait, weights):
    gray = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    assert len(open_detector("blazeface").detect(frame_of(gray))) == 1


def test_frames_of_changing_sizes_do_not_leave_traces(portrait, crowd, weights):
    """Buffers and the input tensor are reused, but a result depends only on its own frame."""
    detector = open_detector("blazeface")
    pictures = [portrait, crowd, portrait[:, 60:280], cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY), portrait]
    for picture in pictures:
        ours, fresh = detector.detect(frame_of(picture)), open_detector("blazeface").detect(frame_of(picture))
        assert [face.box for face in ours] == [face.box for face in fresh]
        assert len(ours) >= 1


def test_a_detection_stays_valid_after_the_next_frame(portrait, weights):
    """Nothing that is returned is a view of a tensor: LiteRT would fail, or overwrite it."""
    detector = open_detector("blazeface")
    face = detector.detect(frame_of(portrait))[0]
    points = face.key_points.copy()
    detector.detect(frame_of(portrait[::-1]))
    assert (face.key_points == points).all()


def test_twenty_faces(crowd, weights):
    faces = open_detector("blazeface").detect(frame_of(crowd))
    assert len(faces) == 20
    cells = {(int((x + w / 2) // 160), int((y + h / 2) // 160)) for x, y, w, h in (f.box for f in faces)}
    assert len(cells) == 20


def test_errors_about_weights_name_the_command_that_downloads_them(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match="mien models pull"):
        open_detector("blazeface")
    with pytest.raises(WeightsMissingError, match="mien models pull yunet"):
        open_detector("yunet")
    (tmp_path / "blazeface.tflite").write_bytes(b"TFL3")
    with pytest.raises(DetectorError, match="unexpected SHA-256"):
        open_detector("blazeface")


def test_an_unknown_detector_is_rejected():
    with pytest.raises(WrongUseError, match="expected one of auto"):
        open_detector("mtcnn")
    with pytest.raises(WrongUseError):
        open_detector("haar:file.xml")


def test_haar_without_cascades_is_reported(monkeypatch):
    """As in OpenCV 5; the next test runs the real one where it is installed."""
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(DetectorError, match=r"has no Haar cascades, 4\.x had them: use --detector blazeface"):
        open_detector("haar")


def test_haar_under_opencv_5_is_reported(opencv5, tmp_path):
    code = "import cv2; from edge.detection import open_detector; print(cv2.__version__); open_detector('haar')"
    environment = {**os.environ, "PYTHONPATH": opencv5}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.startswith("5.")
    assert "has no Haar cascades, 4.x had them: use --detector blazeface" in done.stderr
    run = [sys.executable, "-m", "edge", "run", "--detector", "haar", "--max-frames", "1"]
    done = subprocess.run(run, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_blazeface_and_the_loop_run_under_opencv_5(opencv5, weights):
    run = [sys.executable, "-m", "edge", "run", "--max-frames", "3"]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": opencv5})
    assert done.returncode == 0, done.stderr
    assert "face 1" in done.stdout
