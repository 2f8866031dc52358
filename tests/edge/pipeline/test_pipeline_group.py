"""Several cameras in one loop."""

import os
import threading
import time

import pytest

from edge.errors import SourceError
from edge.pipeline import Components, Dispatcher, LoadControl, PipelineGroup, degradation_levels
from edge.recognizer import Recognizer
from edge.testing import RecordingSink, ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import Detection, Frame

HAPPY = 3
FACE = [Detection((10, 10, 20, 20), 0.9)]


class Live(ScriptedSource):
    """A live source that has a frame whenever the test puts one into its pipe."""

    live = True

    def __init__(self, name):
        super().__init__([])
        self.name, self.total = name, None
        reader, self.writer = os.pipe()
        os.set_blocking(reader, False)
        self.descriptors = [reader]
        self.waits = 0

    def put(self):
        os.write(self.writer, b".")

    def __iter__(self):
        index = 0
        while True:
            try:
                os.read(self.descriptors[0], 1)
            except BlockingIOError:
                self.waits += 1
                # As a captured source does.
                time.sleep(self.wait_s)
                yield None
                continue
            yield Frame(next(iter(ScriptedSource([HAPPY]))).image, index, time.monotonic())
            index += 1

    def close(self):
        os.close(self.writer)
        os.close(self.descriptors[0])


def components(source, sink=None, load_control=None):
    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([FACE] * 200))
    return Components.build(source, recognizer, Dispatcher(sink), interval=1, load_control=load_control)


def named(name, frames):
    source = ScriptedSource([HAPPY] * frames)
    source.name = name
    return source


def test_cameras_take_turns_and_each_has_its_own_events_and_figures():
    sink = RecordingSink()
    group = PipelineGroup(
        {"hall": components(named("hall", 3), sink), "kitchen": components(named("kitchen", 5), sink)}
    )
    order = [frame.index for frame in group.steps()]
    # hall and kitchen in turn; then kitchen goes on alone.
    assert order == [0, 0, 1, 1, 2, 2, 3, 4]
    assert [(event.source, event.state) for event in sink.events] == [
        ("hall", "started"), ("kitchen", "started"), ("hall", "ended"), ("kitchen", "ended"),
    ]  # fmt: skip
    report = group.report()
    assert (report.source, report.frames_processed, report.faces, report.events) == ("hall, kitchen", 8, 8, 4)
    assert {name: each.frames_processed for name, each in report.cameras.items()} == {"hall": 3, "kitchen": 5}
    table = report.as_dict()
    assert table["cameras"]["hall"]["frames_processed"] == 3
    assert not {"sinks", "model", "cameras"} & set(table["cameras"]["hall"])
    assert "kitchen: 5 frames" in report.as_text()
    # The percentiles are those of all eight frames.
    assert report.stages["detect"]["max_ms"] == max(each.stages["detect"]["max_ms"] for each in report.cameras.values())


def test_one_camera_reports_as_before():
    group = PipelineGroup({"": components(named("scripted", 4))})
    assert len(list(group.steps())) == 4
    report = group.report()
    assert (report.source, report.frames_processed, report.cameras) == ("scripted", 4, {})


def test_a_limit_of_frames_is_for_all_cameras_together():
    group = PipelineGroup({"a": components(named("a", 10)), "b": components(named("b", 10))})
    assert len(list(group.steps(max_frames=5))) == 5
    assert sorted(each.frames_processed for each in group.report().cameras.values()) == [2, 3]


def test_a_camera_without_frames_takes_no_time_from_the_others():
    """Each step of a source that has nothing would otherwise take its whole waiting time."""
    with Live("silent") as silent, Live("busy") as busy:
        group = PipelineGroup({"silent": components(silent), "busy": components(busy)})
        frames = 0
        begin_s = time.monotonic()
        for frame in group.steps():
            frames += frame is not None
            if frames == 40:
                group.stop()
            elif frame is not None or not frames:
                busy.put()
        # Forty waits of a quarter of a second would be ten seconds.
        assert time.monotonic() - begin_s < 5
    assert {name: each.frames_processed for name, each in group.report().cameras.items()} == {"silent": 0, "busy": 40}


def test_while_no_camera_has_a_frame_the_loop_sleeps_until_one_has():
    with Live("a") as a, Live("b") as b:
        group = PipelineGroup({"a": components(a), "b": components(b)})
        steps = group.steps()
        threading.Timer(0.6, b.put).start()
        begin_s = time.monotonic()
        for frame in steps:
            if frame is not None:
                break
        elapsed_s = time.monotonic() - begin_s
        group.stop()
        list(steps)
    assert elapsed_s > 0.5
    # Without sleeping there would be many thousands.
    assert a.waits < 10


def test_an_error_that_ends_one_camera_ends_the_run_and_the_faces_of_all():
    class Failing(ScriptedSource):
        def __iter__(self):
            yield from list(super().__iter__())[:2]
            raise SourceError("kitchen: the driver hangs")

    sink, failing = RecordingSink(), Failing([HAPPY] * 5)
    failing.name = "kitchen"
    group = PipelineGroup({"hall": components(named("hall", 9), sink), "kitchen": components(failing, sink)})
    with pytest.raises(SourceError, match="the driver hangs"):
        list(group.steps())
    assert sorted(event.source for event in sink.events if event.state == "ended") == ["hall", "kitchen"]


def test_a_reload_adds_and_removes_cameras_and_the_counts_go_on():
    hall = components(named("hall", 6))
    group = PipelineGroup({"hall": hall, "kitchen": components(named("kitchen", 6))})
    steps = group.steps()
    for _ in range(4):
        next(steps)
    group.change({"hall": hall, "attic": components(named("attic", 3))})
    rest = list(steps)
    report = group.report()
    # Two frames of each; then hall begins again, as its source is asked for its frames again, beside the new one.
    assert len(rest) == 6 + 3
    assert report.frames_processed == 4 + 9
    assert {name: each.frames_processed for name, each in report.cameras.items()} == {"hall": 8, "attic": 3}


def test_a_clip_that_has_ended_is_not_played_again_by_a_reload():
    hall, kitchen = components(named("hall", 1)), components(named("kitchen", 4))
    group = PipelineGroup({"hall": hall, "kitchen": kitchen})
    steps = group.steps()
    for _ in range(3):
        next(steps)
    group.change({"hall": hall, "kitchen": kitchen})
    assert len(list(steps)) == 4
    assert group.report().cameras["hall"].frames_processed == 1


def test_cameras_share_load_control_evenly():
    """At the level at which every second frame is skipped, each camera loses half of its own frames."""
    control = LoadControl(degradation_levels(False, True)[3:], target_fps=1000.0)
    assert control.level.keep_one_of == 2
    group = PipelineGroup({name: components(named(name, 12), load_control=control) for name in ("a", "b")})
    assert control.cameras == 2
    list(group.steps())
    assert control.skipped == {"a": 6, "b": 6}
    assert {name: each.frames_dropped for name, each in group.report().cameras.items()} == {"a": 6, "b": 6}
    assert group.report().load_control.frames_skipped == 12


@pytest.mark.parametrize(("cameras", "changes"), [(1, 0), (4, 1)])
def test_the_target_is_for_each_camera(cameras, changes):
    clock = iter(range(10_000))
    control = LoadControl(degradation_levels(False, False), target_fps=1.0, clock=lambda: next(clock) / 2, cpu=float)
    control.cameras = cameras
    for _ in range(4):
        control.admits("a")
        control.frame_done()
    # A frame takes half a second: two frames a second are enough for one camera, and too few for four.
    assert control.report().changes == changes
