"""The detector looks seldom, and nothing is missed: on the talking head, and on clips made of the portrait."""

import math

import numpy as np
import pytest

from edge.detection import open_detector
from edge.errors import WrongUseError
from edge.sources.video import VideoSource
from edge.testing import ScriptedDetector
from edge.tracking.scheduler import IDLE_S, RETRIES, DetectionScheduler, parse_interval
from edge.tracking.tracker import iou
from edge.types import Detection, Frame
from tests.edge.made_clip import background, clip

FACE = Detection((10, 10, 20, 20), 0.9)
#: A face of every-frame detection that is there for longer than this must be there with a cadence too.
MAX_MISS_S = 0.3
#: Boxes that share this are of the same face.
SAME = 0.3


class Both:
    """A clip with every frame looked at, and with a cadence."""

    def __init__(self, frames, cadence="auto"):
        frames = list(frames)
        detector = open_detector("blazeface")
        cadenced = DetectionScheduler(detector, cadence)
        self.times = [frame.position_s for frame in frames]
        self.full = [detector.detect(frame) for frame in frames]
        self.looked, self.carried = [], []
        for frame in frames:
            before = cadenced.runs
            self.carried.append(cadenced.detect(frame))
            self.looked.append(cadenced.runs > before)

    @property
    def share(self):
        return np.mean(self.looked)

    @property
    def overlaps(self):
        """Of each face of every-frame detection: what the nearest carried box shares with it."""
        return [
            max((iou(face.box, other.box) for other in carried), default=0.0)
            for full, carried in zip(self.full, self.carried, strict=True)
            for face in full
        ]

    @property
    def longest_miss_s(self):
        """The longest that a face was there, or one too many, without a pause."""
        longest, since = 0.0, None
        for t, full, carried in zip(self.times, self.full, self.carried, strict=True):
            wrong = len(full) != len(carried) or any(
                all(iou(face.box, other.box) < SAME for other in carried) for face in full
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
    for full, carried in zip(both.full, both.carried, strict=True):
        apart = np.linalg.norm(full[0].key_points - carried[0].key_points, axis=1)
        assert np.median(apart) < 0.15 * full[0].box[2]


# --- made clips ---------------------------------------------------------------------------------------------


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
def test_nobody_is_missed(made, most, weights):
    both = Both(made())
    assert sum(map(len, both.full)) > 20
    assert both.longest_miss_s <= MAX_MISS_S
    assert np.mean(both.overlaps) >= 0.75
    assert both.share <= most


def test_a_cut_is_seen_in_the_same_frame(weights):
    rooms, heads = (background(1), background(2)), ((150, 200, 240), (450, 260, 280))
    both = Both(clip(2, lambda t: [heads[t >= 1]], room=lambda t: rooms[t >= 1]))
    assert both.looked[30]
    assert iou(both.carried[30][0].box, both.full[30][0].box) == 1


def test_a_still_scene_is_looked_at_once_a_second(weights):
    both = Both(clip(6))
    assert not any(both.full)
    assert 6 / IDLE_S <= sum(both.looked) <= 6 / IDLE_S + 1


# --- the schedule, on scripted detectors --------------------------------------------------------------------


def runs(frames, cadence, answers=(), interval_factor=1):
    detector = DetectionScheduler(ScriptedDetector(answers), cadence)
    detector.set_load(interval_factor, 1)
    looked = []
    for frame in frames:
        before = detector.runs
        detector.detect(frame)
        looked.append(detector.runs - before)
    return looked


def test_every_frame_and_every_third():
    assert runs(still(1), 1) == [1] * 30
    assert runs(still(1), 3) == [1, 0, 0] * 10
    assert runs(still(1), 3, interval_factor=2) == [1, 0, 0, 0, 0, 0] * 5
    assert runs(still(1), 1, interval_factor=2) == [1, 0] * 15


def test_a_face_that_cannot_be_followed_is_looked_for_at_every_frame():
    # Nothing to hold on to.
    assert runs(still(1), "auto", [[FACE]] * 30) == [1] * 30


def test_a_face_that_is_lost_is_looked_for_again():
    assert runs(still(0.5), "auto", [[FACE]]) == [1, 1] + [1] * RETRIES + [0] * (13 - RETRIES)


def test_after_a_pause_and_when_time_goes_back_everything_is_new():
    frames = list(still(0.2))
    late = [Frame(each.image, each.index, 0.0, each.position_s + 5, 0.0) for each in frames]
    assert runs([*frames, *late, *frames], "auto") == [1, 0, 0, 0, 0, 0] * 3


def test_another_size_is_another_scene():
    larger = [Frame(np.zeros((96, 128, 3), np.uint8), i, 0.0, i / 30, 0.0) for i in range(3, 6)]
    assert runs([*still(0.1), *larger], 100) == [1, 0, 0, 1, 0, 0]


def test_a_grey_source_and_tiny_pictures():
    random = np.random.default_rng(0)
    for shape in ((480, 640), (5, 700), (1, 1), (3, 3, 3)):
        image = random.integers(0, 255, shape).astype(np.uint8)
        frames = [Frame(image, i, 0.0, i / 30, 0.0) for i in range(10)]
        assert sum(runs(frames, "auto", [[Detection((0, 0, 1, 1), 0.9)]])) >= 1


def test_what_fails_is_not_carried():
    class Failing(ScriptedDetector):
        def detect(self, frame):
            if frame.index == 3:
                raise RuntimeError("no")
            return super().detect(frame)

    detector = DetectionScheduler(Failing([[FACE]]), 3)
    looked = []
    for frame in still(0.2):
        try:
            detector.detect(frame)
        except RuntimeError:
            looked.append(frame.index)
    assert looked == [3]
    # The first; the face cannot be followed; it is not there; that fails; and the one after it.
    assert detector.runs == 5


def test_forgetting_looks_at_once():
    detector = DetectionScheduler(ScriptedDetector([]), "auto")
    frames = list(still(0.1))
    detector.detect(frames[0])
    detector.reset()
    detector.detect(frames[1])
    assert detector.runs == 2


@pytest.mark.parametrize(("text", "cadence"), [("auto", "auto"), ("1", 1), ("30", 30)])
def test_a_cadence(text, cadence):
    assert parse_interval(text) == cadence


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "often", "1001", "٣"])
def test_no_cadence(text):
    with pytest.raises(WrongUseError, match="expected auto, or a number of frames from 1 to 1000"):
        parse_interval(text)
