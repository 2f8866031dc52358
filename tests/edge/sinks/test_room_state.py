import dataclasses

import pytest

from edge.inference.contract import FER2013_LABELS
from edge.sinks.faces_in_view import GONE_S, SILENT_S
from edge.sinks.mqtt.room_state import RoomState
from edge.types import Aggregate, SourceEvent
from tests.edge.made_events import made_event, made_report


@pytest.fixture
def room():
    room = RoomState()
    room.labels = FER2013_LABELS
    return room


def shown(room):
    state = room.as_dict()
    return state["expression"], state["faces"], {label: n for label, n in state["counts"].items() if n}


def test_an_empty_room(room):
    assert shown(room) == (None, 0, {})
    assert list(room.as_dict()["counts"]) == [*FER2013_LABELS, "uncertain"]
    assert room.as_dict()["score"] is None


def test_each_face_counts_from_its_start_to_its_end(room):
    room.add(made_event(0, "started", "happy", 1))
    room.add(made_event(0, "started", "sad", 2))
    room.add(made_event(1, "started", "uncertain", 3))
    assert shown(room)[1:] == (3, {"happy": 1, "sad": 1, "uncertain": 1})
    room.add(made_event(2, "changed", "sad", 1))
    assert shown(room) == ("sad", 3, {"sad": 2, "uncertain": 1})
    for face in (1, 2, 3):
        room.add(made_event(3, "ended", "sad", face))
    assert shown(room) == (None, 0, {})


def test_the_expression_does_not_follow_one_face_of_two(room):
    room.add(made_event(0, "started", "happy", 1))
    for number, label in enumerate(("sad", "fear", "surprise"), start=1):
        room.add(made_event(number, "changed" if number > 1 else "started", label, 2))
        assert shown(room) == ("happy", 2, {"happy": 1, label: 1})


def test_with_an_event_per_frame_the_faces_of_one_frame_are_counted(room):
    for frame in (0, 1):
        room.add(made_event(frame, "frame", "happy", 1))
        room.add(made_event(frame, "frame", "sad", 2))
        room.add(made_event(frame, "frame", "sad", 3))
        assert shown(room) == ("sad", 3, {"happy": 1, "sad": 2})
    room.add(made_event(2, "frame", "happy", 1))
    assert shown(room) == ("happy", 1, {"happy": 1})
    # No event comes with a frame without faces.
    room.add_frame(made_report(3, faces=0), 1.0)
    assert shown(room) == (None, 0, {})


def test_a_face_whose_end_was_lost_is_dropped_after_a_while(room):
    room.add(made_event(0, "started", "happy", 1))
    room.add(made_event(0, "started", "sad", 2))
    room.add_frame(made_report(faces=1), 100.0)
    room.add_frame(made_report(faces=1), 100.0 + GONE_S / 2)
    # The face was only turned away.
    room.add_frame(made_report(faces=2), 100.5 + GONE_S / 2)
    room.add_frame(made_report(faces=1), 101.0 + GONE_S / 2)
    room.add_frame(made_report(faces=1), 100.5 + GONE_S)
    assert shown(room)[1] == 2
    room.add_frame(made_report(faces=1), 101.1 + 1.5 * GONE_S)
    assert shown(room) == ("sad", 1, {"sad": 1})
    room.add_frame(made_report(faces=0), 200.0)
    room.add_frame(made_report(faces=0), 200.1 + GONE_S)
    assert shown(room) == (None, 0, {})


def test_a_source_that_is_not_online_shows_no_faces(room):
    room.add(made_event(0, "started", "happy", 1))
    room.add(SourceEvent("clip", "online"))
    assert shown(room)[1] == 1
    room.add(SourceEvent("clip", "stalled", "no frame"))
    assert shown(room) == (None, 0, {})


def test_aggregates_have_shares_and_no_counts(room):
    room.add(Aggregate("camera:0", 60.0, 7, {"happy": 0.2, "neutral": 0.8}, "m@1"))
    state = room.as_dict()
    assert (state["expression"], state["score"], state["faces"], state["counts"]) == ("neutral", 0.8, 7, None)
    # Frames of an aggregated run have no number of faces.
    room.add_frame(made_report(faces=None), 1.0)
    assert room.as_dict()["faces"] == 7


def test_a_label_that_was_not_announced_is_counted_too(room):
    room.labels = ("calm",)
    room.add(made_event(0, "started", "happy", 1))
    assert room.as_dict()["counts"] == {"calm": 0, "uncertain": 0, "happy": 1}


def of_camera(message, name):
    return dataclasses.replace(message, source=name)


def test_faces_of_several_cameras_are_counted_together(room):
    """Each camera numbers its faces from 1."""
    for name, label in (("hall", "happy"), ("kitchen", "sad"), ("attic", "happy")):
        room.add(of_camera(made_event(0, "started", label, 1), name))
    assert shown(room) == ("happy", 3, {"happy": 2, "sad": 1})
    # A frame of one camera shows fewer faces than there are in all: nothing has left.
    for now_s in (0.0, 2 * GONE_S):
        room.add_frame(of_camera(made_report(faces=1), "hall"), now_s)
    assert shown(room)[1] == 3
    room.add(SourceEvent("attic", "offline", "unplugged"))
    assert shown(room)[1:] == (2, {"happy": 1, "sad": 1})
    room.add(of_camera(made_event(9, "ended", "happy", 1), "hall"))
    assert shown(room) == ("sad", 1, {"sad": 1})


def test_faces_of_a_source_that_is_gone_without_a_word_are_forgotten(room):
    room.add(of_camera(made_event(0, "started", "happy", 1), "hall"))
    room.add_frame(of_camera(made_report(faces=1), "hall"), 0.0)
    room.add_frame(of_camera(made_report(faces=0), "kitchen"), SILENT_S - 1)
    assert shown(room)[1] == 1
    room.add_frame(of_camera(made_report(faces=0), "kitchen"), SILENT_S + 1)
    assert shown(room)[1] == 0
