"""Several cameras in one daemon, with real clips and real networks."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys

import pytest

from edge.service import Daemon, RunSettings
from edge.service.settings import CameraSettings
from edge.system.processes import python_environment
from tests.commands import invoke_mien
from tests.edge.json_lines import complete_lines
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.usefixtures("weights")


def sources_of(path):
    return {event["source"] for event in complete_lines(path)}


def camera(name, source, sink, **more):
    return CameraSettings(name=name, source=str(source), sink=(f"jsonl:{sink}",), **more)


def run_all(settings):
    with Daemon(settings) as daemon:
        for _ in daemon.steps():
            pass
        return daemon.report()


def test_two_clips_share_the_networks_and_each_has_its_own_events(tmp_path, demo_clip):
    sinks = tmp_path / "hall.jsonl", tmp_path / "kitchen.jsonl"
    cameras = camera("hall", demo_clip, sinks[0]), camera("kitchen", demo_clip, sinks[1], emit="frame")
    with Daemon(RunSettings(named_cameras=cameras)) as daemon:
        recognizers = [pipeline._components.recognizer for pipeline in daemon.pipelines._pipelines.values()]
        assert recognizers[0].classifier is recognizers[1].classifier
        detectors = [recognizer.detector._detector for recognizer in recognizers]
        # One set of networks; what each has seen is its own.
        assert detectors[0] is not detectors[1]
        assert detectors[0]._passes is detectors[1]._passes
        for _ in daemon.steps():
            pass
        report = daemon.report()
    assert [sources_of(sink) for sink in sinks] == [{"hall"}, {"kitchen"}]
    assert [event["state"] for event in complete_lines(sinks[0])] == ["started", "ended"]
    frames = {name: each.frames_processed for name, each in report.cameras.items()}
    assert frames["hall"] == frames["kitchen"] == report.frames_processed / 2
    # As many faces as alone.
    alone = run_all(RunSettings(source=str(demo_clip), sink=(f"jsonl:{tmp_path / 'alone.jsonl'}",)))
    assert {each.faces for each in report.cameras.values()} == {alone.faces}


def test_a_sink_for_all_cameras_receives_the_events_of_all(tmp_path, demo_clip):
    shared = tmp_path / "all.jsonl"
    run_all(RunSettings(named_cameras=(camera("hall", demo_clip, shared), camera("kitchen", demo_clip, shared))))
    assert sources_of(shared) == {"hall", "kitchen"}
    assert len(complete_lines(shared)) == 4


def test_a_reload_renames_adds_and_removes_cameras(tmp_path, demo_clip, caplog):
    caplog.set_level(logging.INFO)
    sink = tmp_path / "events.jsonl"
    copy = tmp_path / "copy.mp4"
    shutil.copy(demo_clip, copy)
    first = RunSettings(named_cameras=(camera("hall", demo_clip, sink), camera("kitchen", copy, sink)))
    with Daemon(first) as daemon:
        steps = daemon.steps()
        for _ in range(6):
            next(steps)
        sources = [pipeline.source for pipeline in daemon.pipelines._pipelines.values()]
        # The clip of hall is called door from now on, and goes on where it was.
        daemon.change(RunSettings(named_cameras=(camera("attic", "demo", sink), camera("door", demo_clip, sink))))
        now = {name: pipeline.source for name, pipeline in daemon.pipelines._pipelines.items()}
        assert now["door"] is sources[0]
        assert (now["door"].name, now["attic"].name) == ("door", "attic")
        for _ in range(6):
            next(steps)
    assert {"hall", "kitchen", "door", "attic"} == sources_of(sink)
    assert "the configuration was read again" in caplog.text


def test_a_reload_that_cannot_be_opened_leaves_every_camera_as_it_was(tmp_path, demo_clip, caplog):
    sink = tmp_path / "events.jsonl"
    settings = RunSettings(named_cameras=(camera("hall", demo_clip, sink), camera("kitchen", "demo", sink)))
    with Daemon(settings) as daemon:
        steps = daemon.steps()
        for _ in range(4):
            next(steps)
        sources = [pipeline.source for pipeline in daemon.pipelines._pipelines.values()]
        broken = camera("attic", tmp_path / "missing.mp4", sink)
        daemon.change(RunSettings(named_cameras=(camera("door", demo_clip, sink), broken)))
        assert "the new configuration is rejected" in caplog.text
        now = [pipeline.source for pipeline in daemon.pipelines._pipelines.values()]
        assert all(one is other for one, other in zip(sources, now, strict=True))
        assert [source.name for source in now] == ["hall", "kitchen"]
        for _ in range(4):
            next(steps)


def test_the_command_with_a_configuration_of_two_cameras(tmp_path, demo_clip):
    config, report = tmp_path / "mien.toml", tmp_path / "report.json"
    config.write_text(
        f'report = "{report}"\n'
        f'[[camera]]\nname = "hall"\nsource = "{demo_clip}"\n'
        f'[[camera]]\nname = "kitchen"\nsource = "{demo_clip}"\nemit = "frame"\n'
    )
    done = invoke_mien("run", "--config", config)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    # Each line begins with the time and the name of the camera.
    assert any(line.split()[1:4] == ["hall", "+", "face"] for line in lines)
    assert {line.split()[1] for line in lines} == {"hall", "kitchen"}
    table = json.loads(report.read_text())
    assert set(table["cameras"]) == {"hall", "kitchen"}
    assert table["frames_processed"] == sum(each["frames_processed"] for each in table["cameras"].values())
    assert "hall: " in done.err


def test_a_missing_clip_of_one_camera_is_named(tmp_path):
    config = tmp_path / "mien.toml"
    config.write_text('[[camera]]\nname = "hall"\nsource = "demo"\n[[camera]]\nname = "attic"\nsource = "no.mp4"\n')
    done = invoke_mien("run", "--config", config)
    assert done.code == 1
    assert done.error_line().startswith("mien: camera attic: no source 'no.mp4': no such file or folder")


@pytest.mark.slow
def test_one_camera_dies_and_the_other_goes_on(tmp_path):
    """Two captured cameras, each in a process of its own, one of which is killed again and again."""
    behavior = [tmp_path / "a", tmp_path / "b"]
    for path in behavior:
        path.write_text("work 320x240")
    events, config = tmp_path / "events.jsonl", tmp_path / "mien.toml"
    config.write_text(
        f'wait-for-source = true\nsink = "jsonl:{events}"\nemit = "frame"\nfreeze-timeout = 0\nstall-timeout = 1\n'
        f'[[camera]]\nname = "hall"\nsource = "scripted:{behavior[0]}"\n'
        f'[[camera]]\nname = "kitchen"\nsource = "scripted:{behavior[1]}"\n'
    )

    def states(camera):
        return [event["state"] for event in complete_lines(events) if event["source"] == camera]

    report = tmp_path / "report.json"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "edge", "run", "--config", config, "--report", report],
        env=python_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: "frame" in states("hall") and "frame" in states("kitchen"), "both cameras", 60)
        behavior[1].write_text("vanish")
        wait_until(lambda: states("kitchen")[-1] == "offline", "kitchen to be offline", 60)
        n = len(states("hall"))
        wait_until(lambda: len(states("hall")) > n + 10, "frames of the hall meanwhile", 60)
        assert states("kitchen")[-1] == "offline"
        behavior[1].write_text("work 320x240")
        wait_until(lambda: states("kitchen")[-1] == "frame", "kitchen to be back", 60)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 0, stderr
    assert set(states("hall")) == {"online", "frame"}
    cameras = json.loads(report.read_text())["cameras"]
    assert min(cameras[name]["frames_processed"] for name in ("hall", "kitchen")) > 0
