"""The detector runs in few frames, and no face is missed: on the talking head, and on generated clips."""

import math

import numpy as np
import pytest

from edge.boxes import iou
from edge.detection import open_detector
from edge.errors import WrongUseError
from edge.sources.video import VideoSource
from edge.testing import ScriptedDetector
from edge.tracking.scheduler import IDLE_S, RETRIES, DetectionScheduler, parse_interval
from edge.types import Detection, Frame
from tests.edge.made_clip import background, clip

FACE = Detection((10, 10, 20, 20), 0.9)
#: A face that the detector finds in every frame for longer than this must also be found with an interval.
MAX_MISS_S = 0.3
#: Boxes with this intersection over union are of the same face.
SAME = 0.3


class Both:
    """The faces of a clip with a detector run in every frame, and with a detection interval."""

    def __init__(self, frames, interval="auto"):
        frames = list(frames)
        detector = open_detector("blazeface")
        scheduler = DetectionScheduler(detector, interval)
        self.times = [frame.position_s for frame in frames]
        self.full = [detector.detect(frame) for frame in frames]
        self.detected, self.propagated = [], []
        for frame in frames:
            before = scheduler.runs
            self.propagated.append(scheduler.detect(frame))
            self.detected.append(scheduler.runs > before)

    @property
    def share(self):
        return np.mean(self.detected)

    @property
    def overlaps(self):
        """For each face that the detector finds in every frame, the overlap with the nearest propagated box."""
        return [
            max((iou(face.box, other.box) for other in propagated), default=0.0)
            for full, propagated in zip(self.full, self.propagated, strict=True)
            for face in full
        ]

    @property
    def longest_miss_s(self):
        """The longest time without a break in which a face was missing or one too many."""
        longest, since = 0.0, None
        for t, full, propagated in zip(self.times, self.full, self.propagated, strict=True):
            wrong = len(full) != len(propagated) or any(
                all(iou(face.box, other.box) < SAME for other in propagated) for face in full
            )
            since = (t if since is None else since) if wrong else None
            longest = max(longest, 0.0 if since is None else t - since + self.times[1])
        return longest


def still(seconds, fps=30, value=90):
    for index in range(round(seconds * fps)):
        yield Frame(np.full((48, 64, 3), value, np.uint8), index, 0.0, index / fps, 0.0)


# --- the talking head ---------------------------------------------------------------------------------------


def test_the_talking_head_is_followed_with_a_third_of_the_runs(talking_head, weights):
    with VideoSource(talking_head) as source:
        both = Both(source)
    assert both.share <= 1 / 3
    assert np.mean(both.overlaps) >= 0.75
    assert both.longest_miss_s <= MAX_MISS_S


def test_key_points_come_along(talking_head, weights):
    with VideoSource(talking_head) as source:
        both = Both(source)
    for full, propagated in zip(both.full, both.propagated, strict=True):
        apart = np.linalg.norm(full[0].key_points - propagated[0].key_points, axis=1)
        assert np.median(apart) < 0.15 * full[0].box[2]


# --- generated clips ---------------------------------------------------------------------------------------------


def swaying(t):
    return [(320 + 120 * math.sin(1.5 * t), 240 + 40 * math.sin(2 * t), 240 + 60 * math.sin(t))]


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (lambda: clip(4, swaying), 1 / 3),
        (lambda: clip(3, lambda t: [(320, 240, 240)], light=lambda t: max(0.25, 1 - 0.3 * t)), 1 / 3),
        (lambda: clip(4, lambda t: [(700 - 200 * t, 240, 240)]), 0.4),
        (lambda: clip(4, lambda t: [(320 + 250 * t, 240, 240)] if t < 2 else []), 0.4),
        (lambda: clip(4, lambda t: [(120 + 110 * t, 220, 200), (540 - 110 * t, 260, 240)]), 0.5),
        (lambda: clip(2, swaying, room=lambda t: background(int(t))), 1 / 3),
        (lambda: clip(3, lambda t: [(200, 200, 240)] if t >= 1.53 else []), 1 / 3),
        (lambda: clip(3, lambda t: [(200, 200, 240)] if t < 1.53 else []), 1 / 3),
    ],
    ids=["moves", "grows dark", "enters", "leaves", "two cross", "cuts", "appears", "vanishes"],
)
def test_no_face_is_missed(made, most, weights):
    both = Both(made())
    assert sum(map(len, both.full)) > 20
    assert both.longest_miss_s <= MAX_MISS_S
    assert np.mean(both.overlaps) >= 0.75
    assert both.share <= most


def test_a_cut_is_detected_in_the_same_frame(weights):
    rooms, heads = (background(1), background(2)), ((150, 200, 240), (450, 260, 280))
    both = Both(clip(2, lambda t: [heads[t >= 1]], room=lambda t: rooms[t >= 1]))
    assert both.detected[30]
    assert iou(both.propagated[30][0].box, both.full[30][0].box) == 1


def test_the_detector_runs_once_a_second_in_a_still_scene(weights):
    both = Both(clip(6))
    assert not any(both.full)
    assert 6 / IDLE_S <= sum(both.detected) <= 6 / IDLE_S + 1


# --- the schedule, on scripted detectors --------------------------------------------------------------------


def runs(frames, interval, answers=(), interval_factor=1):
    detector = DetectionScheduler(ScriptedDetector(answers), interval)
    detector.set_load(interval_factor, 1)
    counts = []
    for frame in frames:
        before = detector.runs
        detector.detect(frame)
        counts.append(detector.runs - before)
    return counts


def test_the_detector_runs_in_every_frame_or_every_third():
    assert runs(still(1), 1) == [1] * 30
    assert runs(still(1), 3) == [1, 0, 0] * 10
    assert runs(still(1), 3, interval_factor=2) == [1, 0, 0, 0, 0, 0] * 5
    assert runs(still(1), 1, interval_factor=2) == [1, 0] * 15


def test_the_detector_runs_in_every_frame_for_a_face_that_cannot_be_followed():
    # The image has no texture to follow.
    assert runs(still(1), "auto", [[FACE]] * 30) == [1] * 30


def test_the_detector_runs_again_for_a_lost_face():
    assert runs(still(0.5), "auto", [[FACE]]) == [1, 1] + [1] * RETRIES + [0] * (13 - RETRIES)


def test_the_detector_runs_after_a_pause_and_when_time_runs_backwards():
    frames = list(still(0.2))
    late = [Frame(each.image, each.index, 0.0, each.position_s + 5, 0.0) for each in frames]
    assert runs([*frames, *late, *frames], "auto") == [1, 0, 0, 0, 0, 0] * 3


def test_the_detector_runs_when_the_frame_size_changes():
    larger = [Frame(np.zeros((96, 128, 3), np.uint8), i, 0.0, i / 30, 0.0) for i in range(3, 6)]
    assert runs([*still(0.1), *larger], 100) == [1, 0, 0, 1, 0, 0]


def test_gray_and_tiny_frames_are_accepted():
    random = np.random.default_rng(0)
    for shape in ((480, 640), (5, 700), (1, 1), (3, 3, 3)):
        image = random.integers(0, 255, shape).astype(np.uint8)
        frames = [Frame(image, i, 0.0, i / 30, 0.0) for i in range(10)]
        assert sum(runs(frames, "auto", [[Detection((0, 0, 1, 1), 0.9)]])) >= 1


def test_faces_are_not_propagated_beyond_an_error():
    class Failing(ScriptedDetector):
        def detect(self, frame):
            if frame.index == 3:
                raise RuntimeError("no")
            return super().detect(frame)

    detector = DetectionScheduler(Failing([[FACE]]), 3)
    failed = []
    for frame in still(0.2):
        try:
            detector.detect(frame)
        except RuntimeError:
            failed.append(frame.index)
    assert failed == [3]
    # The first frame; the face cannot be followed; it is not there; this run fails; and the frame after it.
    assert detector.runs == 5


def test_the_detector_runs_after_a_reset():
    detector = DetectionScheduler(ScriptedDetector([]), "auto")
    frames = list(still(0.1))
    detector.detect(frames[0])
    detector.reset()
    detector.detect(frames[1])
    assert detector.runs == 2


@pytest.mark.parametrize(("text", "interval"), [("auto", "auto"), ("1", 1), ("30", 30)])
def test_valid_intervals(text, interval):
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "often", "1001", "٣"])
def test_invalid_intervals_are_rejected(text):
    with pytest.raises(WrongUseError, match="expected auto, or a number of frames from 1 to 1000"):
        parse_interval(text)
