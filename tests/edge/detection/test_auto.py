"""The detector auto on the demo's portrait: near, far, turned, in the dark, in a photograph and in a video."""

import logging

import cv2
import numpy as np
import pytest

import edge.detection.yunet_weights as yunet_weights
from edge.boxes import iou
from edge.detection import open_detector
from edge.detection.blazeface import BlazeFace, BlazeFaceShort
from edge.detection.detector_passes import BlazeFacePasses, YuNetPasses
from edge.detection.region import Region
from edge.detection.suppression import without_duplicates
from edge.errors import WeightsMissingError
from edge.tracking import DetectionScheduler
from edge.types import Detection, Frame
from tests.conftest import PORTRAIT


@pytest.fixture(scope="module")
def head():
    """The portrait's head, 160 pixels, its face about 110."""
    return cv2.imread(str(PORTRAIT))[50:210, 105:265]


@pytest.fixture(scope="module", params=["yunet", "blazeface"])
def open_auto(request, weights, tmp_path_factory):
    """Opens auto with YuNet, or with BlazeFace alone."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "yunet":
            onnx = request.getfixturevalue("yunet_onnx")
            patch.setenv("MIEN_WEIGHTS", str(folder))
            yunet_weights.pull_yunet(onnx)
        else:
            patch.setattr(yunet_weights, "YUNET_FILE", "absent.tflite")
        yield lambda: open_detector("auto")


def scene(head, size, center=(320, 240), roll_deg=0.0):
    """A gray room of 640x480 with the head at this size."""
    matrix = cv2.getRotationMatrix2D((80, 80), -roll_deg, size / 160)
    matrix[:, 2] += np.array(center) - 80
    room = np.full((480, 640, 3), 120, np.uint8)
    pasted = cv2.warpAffine(head, matrix, (640, 480), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.full((160, 160), 255, np.uint8), matrix, (640, 480)) > 127
    room[inside] = pasted[inside]
    return room


def found_at(faces, center, size):
    return [f for f in faces if abs(f.box[0] + f.box[2] / 2 - center[0]) < size / 3]


@pytest.mark.parametrize("size", [440, 160, 60])
def test_near_and_far_faces_are_found(size, head, open_auto):
    faces = open_auto().detect(Frame(scene(head, size)))
    assert len(faces) == len(found_at(faces, (320, 240), size)) == 1


def test_a_face_that_fills_the_picture_is_found(head, open_auto):
    assert len(open_auto().detect(Frame(np.ascontiguousarray(head[20:140, 25:140])))) == 1


@pytest.mark.parametrize("roll", [45, -60, 90, 180])
def test_turned_faces_are_found(roll, head, open_auto):
    faces = open_auto().detect(Frame(scene(head, 240, roll_deg=roll)))
    assert len(found_at(faces, (320, 240), 240)) == 1


def test_faces_in_the_dark_are_found(head, open_auto):
    dark = (scene(head, 200) * 0.1).astype(np.uint8)
    assert len(open_auto().detect(Frame(dark))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (640, 1), (40, 40), (480, 640), (1080, 1920, 3)])
def test_an_image_without_a_face_has_no_detections(shape, open_auto):
    assert open_auto().detect(Frame(np.full(shape, 120, np.uint8))) == []


def test_a_small_picture_and_a_large_one(head, open_auto):
    """40 x 40 pixels; 20 megapixels with one small face."""
    tiny = cv2.resize(head, (40, 40), interpolation=cv2.INTER_AREA)
    assert len(open_auto().detect(Frame(tiny))) == 1
    large = np.full((3840, 5120, 3), 120, np.uint8)
    large[2000:2320, 3000:3320] = cv2.resize(head, (320, 320))
    faces = open_auto().detect(Frame(large))
    assert len(found_at(faces, (3160, 2160), 320)) == 1


def test_a_face_in_a_video_is_found_again_in_every_frame(head, open_auto):
    """With every frame, and with optical flow between; a second face that enters is found within half a second."""
    for interval in (1, "auto"):
        scheduler, counts = DetectionScheduler(open_auto(), interval), []
        for i in range(60):
            image = scene(head, 180, (150 + 2 * i, 240))
            if i >= 30:
                image[100:260, 460:620] = head
            faces = scheduler.detect(Frame(image, i, 0.0, i / 30))
            counts.append(len(faces))
            assert len(found_at(faces, (150 + 2 * i, 240), 180)) == 1
        assert counts[:30] == [1] * 30
        assert counts[45:] == [2] * 15


def test_known_faces_cost_a_fraction_of_a_pass_over_the_whole(head, open_auto, monkeypatch):
    detector, whole = open_auto(), []
    coarse = detector._passes.coarse
    monkeypatch.setattr(detector._passes, "coarse", lambda image: whole.append(1) or coarse(image))
    known = []
    for i in range(60):
        known = detector.follow(Frame(scene(head, 180), i, 0.0, i / 30), known, motion=False)
        assert len(known) == 1
    # Two seconds: one pass every 0.3 s.
    assert len(whole) <= 8


def test_a_face_that_turns_is_followed(head, open_auto):
    detector, known = open_auto(), []
    for i in range(0, 91, 5):
        known = detector.follow(Frame(scene(head, 220, roll_deg=i), i, 0.0, i / 60), known, motion=False)
        assert len(known) == 1, i


def test_without_yunet_it_warns_once_and_uses_blazeface(weights, monkeypatch, caplog):
    monkeypatch.setattr(yunet_weights, "YUNET_FILE", "absent.tflite")
    with caplog.at_level(logging.WARNING):
        detector = open_detector("auto")
        for _ in range(3):
            detector.detect(Frame(np.zeros((48, 64), np.uint8)))
    assert isinstance(detector._passes, BlazeFacePasses)
    assert len(caplog.records) == 1
    assert "mien models pull yunet" in caplog.text
    assert detector.box_scale == BlazeFace.box_scale


def test_without_any_weights_the_error_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("MIEN_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissingError, match="run `mien models pull`"):
        open_detector("auto")


def test_both_kinds_of_blazeface_are_framed_alike(head, weights):
    passes = BlazeFacePasses(BlazeFace.open(), BlazeFaceShort.open())
    image = scene(head, 300)
    assert iou(passes.coarse(image)[0].box, passes.part(image)[0].box) > 0.75


def test_a_region_gives_back_what_it_cut():
    region = Region((300.0, 200.0), 120.0, 30.0)
    points = np.array([[64.0, 64.0], [10.0, 100.0]], np.float32)
    placed = region.place(Detection((50.0, 50.0, 28.0, 28.0), 0.9, points), 128)
    assert placed.box[2] == pytest.approx(28 * 120 / 128)
    assert placed.key_points[0].tolist() == pytest.approx([300, 200])
    image = np.zeros((400, 600), np.uint8)
    x, y = (round(float(v)) for v in placed.key_points[1])
    cv2.circle(image, (x, y), 3, 255, -1)
    assert region.cut(image, 128)[96:105, 6:15].max() > 200


def test_a_region_outside_of_the_image_is_black():
    assert not Region((-500.0, -500.0), 100.0).cut(np.full((50, 50, 3), 9, np.uint8), 64).any()


def test_part_of_a_face_is_no_second_face():
    face, part, other = (
        Detection(box, c) for box, c in (((0, 0, 100, 100), 0.9), ((10, 10, 30, 30), 0.8), ((200, 0, 50, 50), 0.7))
    )
    assert without_duplicates([face, other], [part]) == [face, other]


def test_passes_of_both_detectors_have_the_same_members():
    members = {name for name in dir(YuNetPasses) if not name.startswith("_")}
    assert members == {name for name in dir(BlazeFacePasses) if not name.startswith("_")}
