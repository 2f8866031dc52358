import numpy as np
import pytest

from edge.events.builder import EventBuilder
from edge.inference.contract import FER2013_LABELS
from edge.types import Frame, Track, Tracks

ANGRY, HAPPY, SAD = 0, 3, 4


def scores(**likely):
    answer = np.full(7, (1 - sum(likely.values())) / (7 - len(likely)), np.float32)
    for label, value in likely.items():
        answer[FER2013_LABELS.index(label)] = value
    return answer


def announced(seen, fps=10.0, **settings):
    """What is told of one face whose smoothed scores are `seen`, frame by frame: (frame, state, emotion)."""
    builder = EventBuilder("change", "s", FER2013_LABELS, "m", **settings)
    track, told = None, []
    for i, smoothed in enumerate(seen):
        now_s = i / fps
        if track is None:
            track = Track(1, (0, 0, 9, 9), 0.9, smoothed, smoothed, now_s, now_s)
        track.smoothed, track.seen_s = smoothed, now_s
        frame = Frame(np.zeros((9, 9), np.uint8), i, 0.0, now_s, 0.0)
        told += [(event.frame, event.state, event.emotion) for event in builder.build(frame, Tracks([track], []), {})]
    return told


def test_a_new_expression_is_told_once_it_has_held():
    seen = [scores(happy=0.8)] * 5 + [scores(sad=0.8)] * 5
    assert announced(seen, min_hold_s=0.3) == [(0, "started", "happy"), (8, "changed", "sad")]
    assert announced(seen, min_hold_s=0.0) == [(0, "started", "happy"), (5, "changed", "sad")]


def test_what_comes_and_goes_is_not_told():
    flicker = [scores(happy=0.8), scores(happy=0.8), scores(sad=0.8), scores(sad=0.8)] * 10
    assert announced(flicker, min_hold_s=0.3) == [(0, "started", "happy")]
    # Nor is one that always gives way to another.
    seen = [scores(happy=0.8)] + [scores(sad=0.8), scores(angry=0.8)] * 10
    assert announced(seen, min_hold_s=0.3) == [(0, "started", "happy")]


def test_a_draw_is_no_change():
    seen = [scores(happy=0.5, sad=0.4)] + [scores(happy=0.44, sad=0.46)] * 20
    assert announced(seen) == [(0, "started", "happy")]


def test_where_nothing_is_likely_the_face_is_uncertain_and_comes_back_with_a_margin():
    low, edge, clear = scores(happy=0.3), scores(happy=0.37), scores(happy=0.5)
    seen = [clear] * 3 + [low] * 6 + [edge] * 6 + [clear] * 6
    assert announced(seen, min_hold_s=0.3, uncertain_below=0.35) == [
        (0, "started", "happy"), (6, "changed", "uncertain"), (18, "changed", "happy")
    ]  # fmt: skip
    assert announced([low] * 9, uncertain_below=0.35) == [(0, "started", "uncertain")]
    assert announced([low] * 9, uncertain_below=0.0) == [(0, "started", "happy")]


def test_an_uncertain_event_carries_its_highest_score():
    builder = EventBuilder("change", "s", FER2013_LABELS, "m")
    smoothed = scores(sad=0.25)
    track = Track(1, (0, 0, 9, 9), 0.9, smoothed, smoothed, 0.0)
    (event,) = builder.build(Frame(np.zeros((9, 9), np.uint8)), Tracks([track], []), {})
    assert (event.emotion, event.score) == ("uncertain", pytest.approx(0.25))
    assert tuple(event.emotions) == FER2013_LABELS


def test_each_frame_has_its_own_answer_however_doubtful():
    builder = EventBuilder("frame", "s", FER2013_LABELS, "m")
    track = Track(1, (0, 0, 9, 9), 0.9, scores(sad=0.25), scores(happy=0.9), 0.0)
    (event,) = builder.build(Frame(np.zeros((9, 9), np.uint8)), Tracks([track], []), {})
    assert (event.state, event.emotion) == ("frame", "sad")
