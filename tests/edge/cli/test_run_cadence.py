"""`mien run --cadence`: the detection interval, from the option to the loop."""

import json
import signal
import subprocess
import sys

import pytest

from edge.capture import open_watched
from edge.pipeline import Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.sources import open_source
from edge.sources.video import VideoSource
from edge.testing import RecordingSink, ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import UNCERTAIN_LABEL, SourceEvent
from tests.edge.waiting import wait_until

HAPPY = 3


def scripted(cadence, live=False):
    source = ScriptedSource([HAPPY] * 30)
    source.live = live
    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([]))
    return Components.build(source, recognizer, Dispatcher(RecordingSink()), interval=cadence)


@pytest.mark.parametrize(
    ("cadence", "live", "runs"), [(None, False, 30), (None, True, 3), (1, True, 30), (5, False, 6)]
)
def test_the_detector_runs_in_every_frame_of_files_and_on_demand_for_live_sources(cadence, live, runs):
    report = Pipeline(scripted(cadence, live)).run()
    assert (report.frames_processed, report.detector_runs) == (30, runs)
    assert ("the detector ran in" in report.as_text()) == (runs < 30)
    assert report.as_dict()["detector_looks"] == report.as_dict()["detector_runs"] == runs


def test_sources_know_whether_they_are_live(tmp_path, demo_clip):
    camera = tmp_path / "camera"
    camera.write_text("work")
    assert open_source("demo").live
    assert open_source(f"scripted:{camera}").live
    assert not open_source(str(demo_clip)).live
    with open_watched(f"scripted:{camera}") as watched:
        assert watched.live


def test_propagated_faces_are_discarded_when_the_source_goes_offline():
    components = scripted(30)
    pipeline = Pipeline(components)

    def after(frame):
        if frame.index == 9:
            components.source.change_state(SourceEvent("scripted", "offline", "the cable is out"))

    assert pipeline.run(after_step=after).detector_runs == 2


def test_new_components_start_with_a_detector_run_and_all_runs_are_counted():
    pipeline = Pipeline(scripted(30))

    def after(frame):
        if frame.index == 9 and pipeline.statistics.detector_runs == 1:
            pipeline.change(scripted(15))

    assert pipeline.run(after_step=after).detector_runs == 3


def watched(clip, cadence, emit="change"):
    """Return the events of the talking head, and the report; with the prior of a room it is mostly uncertain."""
    sink = RecordingSink()
    with VideoSource(clip) as source:
        report = Pipeline(
            Components.build(
                source, Recognizer(detector="blazeface", prior="none"), Dispatcher(sink), emit=emit, interval=cadence
            )
        ).run()
    assert len({event.track_id for event in sink.events}) == 1
    return sink.events, report


def expressions(events):
    """Return the successive expressions in events; `uncertain` is not an expression."""
    assert [events[0].state, events[-1].state] == ["started", "ended"]
    reported = [event.emotion for event in events if event.emotion != UNCERTAIN_LABEL]
    return [each for each, next_ in zip(reported, [*reported[1:], None], strict=True) if each != next_]


@pytest.mark.slow
def test_the_talking_head_has_the_same_expressions(talking_head, weights):
    every_frame, _ = watched(talking_head, 1)
    on_schedule, report = watched(talking_head, "auto")
    assert expressions(on_schedule) == expressions(every_frame)
    assert report.detector_runs <= report.frames_processed / 3
    assert report.faces == report.frames_processed
    # In single frames, before smoothing, most expressions are the same.
    alike = [
        a.emotion == b.emotion
        for a, b in zip(watched(talking_head, 1, "frame")[0], watched(talking_head, "auto", "frame")[0], strict=True)
    ]
    assert sum(alike) >= 0.75 * len(alike)


def test_the_option_and_the_configuration_file(mien, demo_clip, tmp_path, weights):
    report, config = tmp_path / "r.json", tmp_path / "mien.toml"
    for written, arguments, runs in (
        ("", (), 90),
        ("cadence = 5\n", (), 18),
        ('cadence = "auto"\n', (), 30),
        ("cadence = 5\n", ("--cadence", 1), 90),
    ):
        config.write_text(f'source = "{demo_clip}"\nreport = "{report}"\n{written}')
        done = mien("run", "--config", config, *arguments)
        assert done.code == 0, done.err
        table = json.loads(report.read_text())
        assert table["detector_looks"] >= runs if runs == 18 else table["detector_looks"] <= runs
        assert table["faces"] >= 90
    for wrong in ("0", "often"):
        done = mien("run", "--cadence", wrong)
        assert done.code == 2
        assert f"'{wrong}' is not a detection interval: expected auto, or a number of frames from 1 to 1000" in done.err
    config.write_text("cadence = true\n")
    assert mien("run", "--config", config).code == 2


def test_sighup_changes_the_cadence(tmp_path, weights):
    config, report = tmp_path / "mien.toml", tmp_path / "r.json"
    out = tmp_path / "e.jsonl"
    config.write_text(f'sink = "jsonl:{out}"\nemit = "frame"\ncadence = 1\n')
    command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--report", str(report)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: out.exists() and out.stat().st_size, "an event")
        config.write_text(config.read_text().replace("cadence = 1", "cadence = 1000"))
        process.send_signal(signal.SIGHUP)
        while "read again" not in process.stderr.readline():
            assert process.poll() is None
        size = out.stat().st_size
        wait_until(lambda: out.stat().st_size > size + 20_000, "many more")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    table = json.loads(report.read_text())
    assert table["detector_looks"] < table["frames_processed"]


def test_profile_averages_the_detector_over_all_frames(mien, demo_clip, weights):
    done = mien(
        "profile", "--source", demo_clip, "--detector", "blazeface", "--cadence", 10, "--max-frames", 60, "--json"
    )
    assert done.code == 0, done.err
    costs = json.loads(done.out)
    assert costs["frames"] == 60
    assert 6 <= costs["detector_looks"] <= 30
    stages = {stage["stage"]: stage for stage in costs["stages"]}
    assert stages["detect"]["ratio"] == pytest.approx(stages["detect"]["stage_ms"] / stages["detect"]["bare_ms"])
    done = mien("profile", "--source", demo_clip, "--cadence", "auto", "--max-frames", 20)
    assert "detection interval auto: the detector ran in" in done.out
    assert "mean ms" in done.out
