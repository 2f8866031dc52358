"""Makes events and frame reports for tests."""

from edge.inference.contract import FER2013_LABELS
from edge.types import Event, FrameReport


def made_event(number=0, state="started", emotion="happy", track_id=1):
    emotions = dict.fromkeys(FER2013_LABELS, 0.02) | {emotion: 0.88}
    latency = {"capture": 1.0, "detect": 2.0, "classify": 0.5, "total": 3.6}
    return Event("clip", number, track_id, (1.4, 2.6, 30, 31), 0.9, emotion, 0.88, emotions, state, latency, "m@1")


def made_report(number=0, faces=1, dropped=0):
    return FrameReport("clip", number, faces, dropped, {"detect": 2.0, "classify": 0.5, "total": 3.6})
