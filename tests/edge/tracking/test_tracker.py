import numpy as np
import pytest

from edge.inference import FER2013_LABELS
from edge.tracking.tracker import LEAVING_S, MAX_MISS_S, MEMORY_S, Tracker
from edge.types import Face, Tracks

HAPPY = np.array([0, 0, 0, 1, 0, 0, 0], np.float32)
SAD = np.array([0, 0, 0, 0, 1, 0, 0], np.float32)


def face(x, y=0.0, size=20.0, scores=HAPPY):
    return Face((x, y, size, size), 0.9, None, scores, FER2013_LABELS)


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
    assert tracker.update([], 0.3) == Tracks([], [])
    seen = tracker.update([face(1)], 0.4).seen
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


WIDE = (640, 480)


def ids_within(tracker, faces, now_s):
    return [track.track_id for track in tracker.update(faces, now_s, WIDE).seen]


def seen_until(tracker, end_s, at, fps=10):
    """Show a face at the places that `at` gives until a time, and return the time of its last frame."""
    times = [i / fps for i in range(round(end_s * fps) + 1)]
    for now_s in times:
        assert ids_within(tracker, [at(now_s)], now_s) == [1]
    return times[-1]


def test_an_established_face_that_turns_away_keeps_its_number():
    tracker = Tracker()
    last_s = seen_until(tracker, 1.0, lambda t: face(300, 200, 80))
    for miss_s in (0.5, 1.0, 1.5):
        assert not tracker.update([], last_s + miss_s, WIDE).ended
    assert ids_within(tracker, [face(310, 205, 80)], last_s + MEMORY_S) == [1]


def test_it_is_gone_after_the_memory():
    tracker = Tracker()
    last_s = seen_until(tracker, 1.0, lambda t: face(300, 200, 80))
    (ended,) = tracker.update([], last_s + MEMORY_S + 0.05, WIDE).ended
    assert (ended.track_id, ended.seen_s) == (1, last_s)


def test_a_face_that_was_seen_briefly_is_forgotten_soon():
    tracker = Tracker()
    last_s = seen_until(tracker, 0.2, lambda t: face(300, 200, 80))
    assert len(tracker.update([], last_s + MAX_MISS_S + 0.05, WIDE).ended) == 1


def test_whoever_leaves_through_the_edge_has_left_soon():
    tracker = Tracker()
    last_s = seen_until(tracker, 1.0, lambda t: face(450 + 150 * t, 200, 80))
    assert not tracker.update([], last_s + 0.1, WIDE).ended
    assert len(tracker.update([], last_s + LEAVING_S + 0.05, WIDE).ended) == 1
    # Somebody who comes in there is somebody else.
    assert ids_within(tracker, [face(570, 200, 80)], last_s + 0.5) == [2]


def test_without_the_size_of_the_image_nobody_is_known_to_leave_through_its_edge():
    tracker = Tracker()
    for i in range(11):
        tracker.update([face(450 + 15 * i, 200, 80)], i / 10)
    assert not tracker.update([], 1.2).ended
    assert not tracker.update([], 1.5).ended


@pytest.mark.parametrize("other", [face(420, 200, 80), face(300, 200, 120), face(300, 200, 55)])
def test_a_face_elsewhere_or_of_another_size_after_a_long_miss_is_somebody_else(other):
    tracker = Tracker()
    last_s = seen_until(tracker, 1.0, lambda t: face(300, 200, 80))
    assert ids_within(tracker, [other], last_s + 1.5) == [2]


def test_whoever_turns_back_behind_another_keeps_the_number():
    tracker = Tracker()
    last_s = seen_until(tracker, 1.0, lambda t: face(200 + 100 * t, 200, 80))
    # Its motion would lead it 100 pixels further.
    assert ids_within(tracker, [face(310, 200, 80)], last_s + 1.0) == [1]


def test_boxes_that_jitter_do_not_lead_the_prediction_astray():
    random = np.random.default_rng(0)
    for _ in range(20):
        tracker = Tracker()
        last_s = seen_until(tracker, 1.0, lambda t: face(300 + random.normal(0, 3), 200 + random.normal(0, 3), 80), 30)
        assert ids_within(tracker, [face(300, 200, 80)], last_s + 1.5) == [1]
