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


def events_of(seen, fps=10.0, **settings):
    """Return the events of a face with the smoothed scores `seen` in its frames: (frame, state, emotion)."""
    builder = EventBuilder("change", "s", FER2013_LABELS, "m", **settings)
    track, events = None, []
    for i, smoothed in enumerate(seen):
        now_s = i / fps
        if track is None:
            track = Track(1, (0, 0, 9, 9), 0.9, smoothed, smoothed, now_s, now_s)
        track.smoothed, track.seen_s = smoothed, now_s
        frame = Frame(np.zeros((9, 9), np.uint8), i, 0.0, now_s, 0.0)
        events += [(event.frame, event.state, event.emotion) for event in builder.build(frame, Tracks([track], []), {})]
    return events


def test_a_new_expression_is_reported_after_the_hold_time():
    seen = [scores(happy=0.8)] * 5 + [scores(sad=0.8)] * 5
    assert events_of(seen, min_hold_s=0.3) == [(0, "started", "happy"), (8, "changed", "sad")]
    assert events_of(seen, min_hold_s=0.0) == [(0, "started", "happy"), (5, "changed", "sad")]


def test_short_expressions_are_not_reported():
    flicker = [scores(happy=0.8), scores(happy=0.8), scores(sad=0.8), scores(sad=0.8)] * 10
    assert events_of(flicker, min_hold_s=0.3) == [(0, "started", "happy")]
    # Nor are two that alternate.
    seen = [scores(happy=0.8)] + [scores(sad=0.8), scores(angry=0.8)] * 10
    assert events_of(seen, min_hold_s=0.3) == [(0, "started", "happy")]


def test_a_small_lead_is_not_a_change():
    seen = [scores(happy=0.5, sad=0.4)] + [scores(happy=0.44, sad=0.46)] * 20
    assert events_of(seen) == [(0, "started", "happy")]


def test_a_face_without_a_likely_expression_is_uncertain_until_one_leads_clearly():
    low, edge, clear = scores(happy=0.3), scores(happy=0.37), scores(happy=0.5)
    seen = [clear] * 3 + [low] * 6 + [edge] * 6 + [clear] * 6
    assert events_of(seen, min_hold_s=0.3, uncertain_below=0.35) == [
        (0, "started", "happy"), (6, "changed", "uncertain"), (18, "changed", "happy")
    ]  # fmt: skip
    assert events_of([low] * 9, uncertain_below=0.35) == [(0, "started", "uncertain")]
    assert events_of([low] * 9, uncertain_below=0.0) == [(0, "started", "happy")]


def test_an_uncertain_event_has_the_highest_score():
    builder = EventBuilder("change", "s", FER2013_LABELS, "m")
    smoothed = scores(sad=0.25)
    track = Track(1, (0, 0, 9, 9), 0.9, smoothed, smoothed, 0.0)
    (event,) = builder.build(Frame(np.zeros((9, 9), np.uint8)), Tracks([track], []), {})
    assert (event.emotion, event.score) == ("uncertain", pytest.approx(0.25))
    assert tuple(event.emotions) == FER2013_LABELS


def test_events_of_frames_are_neither_smoothed_nor_uncertain():
    builder = EventBuilder("frame", "s", FER2013_LABELS, "m")
    track = Track(1, (0, 0, 9, 9), 0.9, scores(sad=0.25), scores(happy=0.9), 0.0)
    (event,) = builder.build(Frame(np.zeros((9, 9), np.uint8)), Tracks([track], []), {})
    assert (event.state, event.emotion) == ("frame", "sad")
