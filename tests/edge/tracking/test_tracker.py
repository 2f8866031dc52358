import numpy as np
import pytest

from edge.inference import FER2013_LABELS
from edge.tracking.tracker import Tracker, iou
from edge.types import Face, Tracks

HAPPY = np.array([0, 0, 0, 1, 0, 0, 0], np.float32)
SAD = np.array([0, 0, 0, 0, 1, 0, 0], np.float32)


def face(x, y=0.0, size=20.0, scores=HAPPY):
    return Face((x, y, size, size), 0.9, None, scores, FER2013_LABELS)


def test_iou():
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_faces_keep_their_numbers_while_they_move():
    tracker = Tracker()
    for step in range(10):
        tracks = tracker.update([face(2.0 * step), face(200 - 2.0 * step, scores=SAD)], step / 10)
        assert [t.track_id for t in tracks.seen] == [1, 2]
        assert not tracks.ended
    # The order of the detections does not matter.
    seen = tracker.update([face(180, scores=SAD), face(20)], 1.0).seen
    assert [t.track_id for t in seen] == [2, 1]


def test_the_best_overlap_is_matched_first():
    tracker = Tracker()
    tracker.update([face(0), face(12, scores=SAD)], 0.0)
    seen = tracker.update([face(10, scores=SAD)], 0.1).seen
    assert seen[0].track_id == 2


def test_a_track_survives_a_short_miss_and_ends_after_a_long_one():
    tracker = Tracker(max_miss_s=0.5)
    tracker.update([face(0)], 0.0)
    assert tracker.update([], 0.4) == Tracks([], [])
    seen = tracker.update([face(1)], 0.5).seen
    assert seen[0].track_id == 1
    ended = tracker.update([], 1.1).ended
    assert [t.track_id for t in ended] == [1]
    seen = tracker.update([face(1)], 1.2).seen
    assert seen[0].track_id == 2
    assert [t.track_id for t in tracker.finish()] == [2]
    assert tracker.tracks == []


def test_a_face_in_the_place_of_one_that_left_has_a_new_number():
    tracker = Tracker(max_miss_s=0.5)
    tracker.update([face(0)], 0.0)
    tracks = tracker.update([face(0, scores=SAD)], 100.0)
    assert [t.track_id for t in tracks.ended] == [1]
    assert [t.track_id for t in tracks.seen] == [2]


def test_scores_are_smoothed_by_time_not_by_frames():
    def after_one_second(fps):
        tracker = Tracker(smoothing_s=0.4)
        tracker.update([face(0)], 0.0)
        for i in range(1, fps + 1):
            (track,) = tracker.update([face(0, scores=SAD)], i / fps).seen
        return track.smoothed

    slow, fast = after_one_second(5), after_one_second(50)
    assert slow[4] == pytest.approx(1 - np.exp(-1 / 0.4), abs=1e-4)
    assert fast == pytest.approx(slow, abs=1e-4)
    assert fast.sum() == pytest.approx(1, abs=1e-5)


def ids(tracker, faces, now_s):
    return [track.track_id for track in tracker.update(faces, now_s).seen]


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_two_faces_that_cross_keep_their_numbers(fps):
    tracker = Tracker()
    for i in range(2 * fps + 1):
        now_s = i / fps
        left, right = face(120 * now_s, size=40), face(240 - 120 * now_s, y=6, size=44)
        # One hides the other while they meet.
        faces = [right] if abs(left.box[0] - right.box[0]) < 12 else [left, right]
        found = dict(zip([f.box for f in faces], ids(tracker, faces, now_s), strict=True))
    assert found == {left.box: 1, right.box: 2}


def test_a_fast_face_keeps_its_number_at_a_low_frame_rate():
    tracker = Tracker()
    # At 4 frames per second its boxes do not overlap.
    assert [ids(tracker, [face(14.0 * i)], i / 4) for i in range(8)] == [[1]] * 8


def test_a_face_is_found_again_where_its_motion_predicts_it():
    tracker = Tracker()
    for i in range(10):
        ids(tracker, [face(4.0 * i)], i / 10)
    # After 0.5 s it is 20 pixels further, a whole box.
    assert ids(tracker, [face(56.0)], 1.4) == [1]


def test_a_face_of_another_size_or_far_away_has_a_new_number():
    tracker = Tracker()
    ids(tracker, [face(0, size=20)], 0.0)
    assert ids(tracker, [face(-30, y=-30, size=80)], 0.1) == [2]
    assert ids(tracker, [face(200)], 0.2) == [3]
