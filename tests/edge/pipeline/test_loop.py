import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from edge.pipeline import STAGES, Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.testing import RecordingSink, ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import Detection, Frame

ANGRY, HAPPY, NEUTRAL = 0, 3, 6


def run(brightness, answers=None, emit="change", **kwargs):
    face = [Detection((10, 10, 20, 20), 0.9)]
    sink = RecordingSink()
    detector = ScriptedDetector([face] * len(brightness) if answers is None else answers)
    recognizer = Recognizer(ScriptedClassifier(), detector=detector)
    pipeline = Pipeline(Components.build(ScriptedSource(brightness), recognizer, Dispatcher(sink), emit=emit))
    return pipeline.run(**kwargs), sink.events


def test_a_face_appears_changes_and_leaves():
    report, events = run([HAPPY] * 10 + [ANGRY] * 20)
    assert [(e.state, e.emotion) for e in events] == [("started", "happy"), ("changed", "angry"), ("ended", "angry")]
    assert {e.track_id for e in events} == {1}
    # A change is reported when the smoothed scores have changed, not in its first frame.
    assert 10 < events[1].frame < 20
    assert (report.frames_seen, report.frames_processed, report.frames_dropped) == (30, 30, 0)
    assert (report.faces, report.events) == (30, 3)


def test_a_single_different_frame_is_not_a_change():
    _, events = run([HAPPY] * 10 + [ANGRY] + [HAPPY] * 10)
    assert [e.state for e in events] == ["started", "ended"]


def test_an_ended_event_has_the_share_of_each_expression():
    _, events = run([HAPPY] * 20 + [ANGRY] * 21)
    dwell = events[-1].as_dict()["dwell"]
    assert dwell["seconds"] == pytest.approx(4.0)
    changed = events[1].frame / 10
    assert dwell["shares"] == pytest.approx({"happy": (changed - 0.1) / 4, "angry": (4.1 - changed) / 4}, abs=0.03)
    assert sum(dwell["shares"].values()) == pytest.approx(1)
    # Seen in one frame only.
    assert run([HAPPY])[1][-1].as_dict()["dwell"] == {"seconds": 0.0, "shares": {"happy": 1.0}}


def test_a_face_that_is_gone_ends_after_a_time():
    face = [Detection((10, 10, 20, 20), 0.9)]
    _, events = run([HAPPY] * 45, answers=[face] * 10 + [[]] * 25 + [face] * 10)
    assert [(e.state, e.track_id) for e in events] == [("started", 1), ("ended", 1), ("started", 2), ("ended", 2)]


def test_emit_frame_reports_every_face_with_its_own_scores():
    faces = [Detection((0, 0, 20, 20), 0.9), Detection((40, 0, 20, 20), 0.8)]
    report, events = run([HAPPY, NEUTRAL], answers=[faces, faces], emit="frame")
    assert [(e.frame, e.track_id, e.emotion) for e in events] == [
        (0, 1, "happy"),
        (0, 2, "happy"),
        (1, 1, "neutral"),
        (1, 2, "neutral"),
    ]
    assert report.faces == 4
    assert all(e.state == "frame" for e in events)


def test_frames_without_faces_cause_no_events():
    report, events = run([HAPPY] * 5, answers=[])
    assert events == []
    assert report.frames_processed == 5


def test_events_conform_to_the_contract():
    _, events = run([HAPPY] * 3)
    for event in events:
        table = event.as_dict()
        assert list(table) == [
            "time", "source", "frame", "track_id", "box", "confidence", "emotion", "score", "emotions",
            "state", "latency_ms", "model", *(["dwell"] if event.state == "ended" else []),
        ]  # fmt: skip
        assert table["time"].endswith("Z")
        assert len(table["time"]) == len("2026-11-21T10:00:00.123Z")
        assert table["box"] == [10, 10, 20, 20]
        assert tuple(table["emotions"]) == FER2013_LABELS
        assert sum(table["emotions"].values()) == pytest.approx(1, abs=1e-5)
        assert table["score"] == max(table["emotions"].values())
        assert set(table["latency_ms"]) == {"capture", "detect", "classify", "total"}
        assert table["model"] == "scripted-float32@1"


def test_the_report_has_every_stage_and_max_frames_ends_the_run():
    report, _ = run([HAPPY] * 10, max_frames=4)
    assert report.frames_processed == 4
    assert set(report.stages) == set(STAGES)
    table = report.as_dict()
    assert table["peak_rss_mb"] > 10
    assert table["fps"] > 0
    assert "4 frames" in report.as_text()


def test_stop_ends_the_run_after_the_current_frame():
    sink = RecordingSink()
    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([]))
    pipeline = Pipeline(Components.build(ScriptedSource([HAPPY] * 9), recognizer, Dispatcher(sink)))
    report = pipeline.run(after_step=lambda frame: pipeline.stop() if frame.index == 2 else None)
    assert report.frames_processed == 3


def test_a_source_without_frames_has_an_empty_report():
    report, events = run([])
    assert events == []
    assert report.fps == 0
    assert report.stages == {}


def test_a_frame_of_another_shape_is_rejected():
    with pytest.raises(ValueError, match=r"Received: shape=\(2, 2, 4\)"):
        Frame(np.zeros((2, 2, 4), np.uint8), 0, 0.0, 0.0, 0.0)
