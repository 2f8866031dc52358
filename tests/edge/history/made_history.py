"""Makes histories for tests."""

from dataclasses import replace
from datetime import UTC, datetime

from edge.history import HistoryRecorder
from edge.types import Presence
from tests.edge.made_events import made_event


def made_stay(ended_s, seconds=10.0, shares=None, track_id=1, source="clip"):
    """An event `ended` at a time in seconds since 1970."""
    event = made_event(state="ended", track_id=track_id)
    presence = Presence(seconds, {"happy": 1.0} if shares is None else shares)
    return replace(event, time=datetime.fromtimestamp(ended_s, UTC), source=source, dwell=presence)


def made_history(path, events):
    recorder = HistoryRecorder(path)
    recorder.add(events)
    recorder.close()
    return path
