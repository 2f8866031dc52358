"""The governor: on a clock and a processor that do as the test says, and in a real run."""

import json
import logging
import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from edge.detection import open_detector
from edge.detection.downscaling import detect_downscaled
from edge.pipeline.degradation import DegradationLevel, degradation_levels
from edge.pipeline.load_control import PATIENCE_S, WINDOW_S, LoadControl
from edge.pipeline.loop import Parts, Pipeline
from edge.sources import is_camera
from edge.system.cpu import cpu_s
from edge.testing import ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.tracking.tracker import iou
from edge.types import Detection, Frame
from tests.edge.made_clip import clip

LIVE = degradation_levels("haar", live=True)
FPS = 30


class Board:
    """A live source at `FPS`, and a board on which a frame takes a while.

    Attributes:
        now_s, spent_s: the clock, and CPU time.
        rungs: on which the governor was, one a frame that came.
    """

    def __init__(self, frame_s, rungs=LIVE, **limits):
        self.now_s = self.spent_s = 0.0
        self.frame_s, self.rungs = frame_s, []
        self.governor = LoadControl(rungs, clock=lambda: self.now_s, cpu=lambda: self.spent_s, **limits)

    def run(self, seconds):
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            began_s = self.now_s
            rung = self.governor.rung
            if self.governor.admits():
                took_s = self.frame_s(rung, self.now_s)
                self.now_s += took_s
                self.spent_s += took_s
                self.governor.spent()
            self.rungs.append(rung)
            self.now_s = max(self.now_s, began_s + 1 / FPS)
        return self

    @property
    def changes(self):
        return self.governor.report().changes


def detector_of(seconds):
    """A detector that takes so long, and 3 ms of everything else."""
    return lambda rung, _: 0.003 + seconds / (rung.stretch * rung.shrink)


def test_without_limits_nothing_is_governed():
    board = Board(detector_of(1.0)).run(60)
    assert set(board.rungs) == {DegradationLevel()}
    assert board.governor.report() is None


def test_what_is_quick_enough_stays_as_it_is():
    board = Board(detector_of(0.01), target_fps=25, max_cpu_percent=50).run(120)
    assert set(board.rungs) == {DegradationLevel()}
    assert board.changes == 0


def test_it_looks_more_seldom_then_at_less_and_leaves_frames_out_last():
    board = Board(lambda rung, _: 0.05, max_cpu_percent=10).run(60)
    order = list(dict.fromkeys(board.rungs))
    assert order == list(LIVE)
    assert [rung.keep_one_of for rung in order[:4]] == [1] * 4
    report = board.governor.report()
    assert report.frames_left_out > 0
    assert (
        report.now
        == "the detector looks 4 times as seldom, at frames of 1/2 of their width, 1 of 8 frames is processed"
    )


def test_for_frames_a_second_it_goes_as_far_as_it_must_and_leaves_none_out():
    board = Board(detector_of(0.15), target_fps=20).run(60)
    assert board.governor.rung == DegradationLevel(4)
    assert board.governor.report().frames_left_out == 0
    hopeless = Board(detector_of(9), target_fps=20).run(120)
    assert hopeless.governor.rung == DegradationLevel(4, 2)
    assert hopeless.governor.report().frames_left_out == 0


def test_a_source_that_gives_fewer_frames_than_the_target_is_no_reason():
    board = Board(detector_of(0.005), target_fps=60).run(60)
    assert board.changes == 0


def test_the_processor_is_held_at_what_is_allowed():
    board = Board(detector_of(0.04), max_cpu_percent=40).run(30)
    spent_s = board.spent_s
    board.run(60)
    assert (board.spent_s - spent_s) / 60 <= 0.45


def test_it_goes_back_up_when_there_is_room_and_one_rung_at_a_time():
    board = Board(lambda rung, now_s: detector_of(0.1 if now_s < 20 else 0.004)(rung, now_s), max_cpu_percent=40)
    board.run(20)
    assert board.governor.rung != DegradationLevel()
    lowest = LIVE.index(board.governor.rung)
    board.run(20 + lowest * (PATIENCE_S + 2 * WINDOW_S))
    assert board.governor.rung == DegradationLevel()
    steps = [LIVE.index(rung) for rung in board.rungs]
    assert {abs(b - a) for a, b in pairwise(steps)} <= {0, 1}
    assert board.governor.report().most == str(LIVE[lowest])


def test_it_does_not_flap():
    """Too much on one rung, with room on the next: tried again ever more seldom."""
    board = Board(lambda rung, _: 0.03 if rung == DegradationLevel() else 0.005, max_cpu_percent=50)
    board.run(3600)
    # Every 14 s would be 500.
    assert board.changes < 30
    assert np.mean([rung == DegradationLevel() for rung in board.rungs]) < 0.02


def test_between_room_and_too_much_nothing_changes():
    board = Board(lambda rung, _: 0.8 * 0.5 / FPS, max_cpu_percent=50).run(600)
    assert board.changes == 0


def test_every_change_is_one_line_and_an_end_is_told(caplog):
    caplog.set_level(logging.INFO)
    board = Board(lambda rung, _: 0.05, max_cpu_percent=10).run(60)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == board.changes == len(LIVE) - 1
    assert lines[0] == "100 % of a core is needed, allowed 10: the detector looks 2 times as seldom"
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.endswith("nothing is left to make it cheaper")


def test_ladders():
    assert all(rung.keep_one_of == 1 for rung in degradation_levels("haar", live=False))
    assert all(rung.shrink == 1 for rung in degradation_levels("blazeface", live=True))
    assert str(degradation_levels("blazeface", live=True)[0]) == "everything as asked for"
    assert all(rung.capture_shrink == 1 for rung in degradation_levels("haar", live=True))
    for detector in ("haar", "blazeface"):
        # A camera gives smaller frames before one is left out, and from then on; of those a detector sees all.
        rungs = degradation_levels(detector, live=True, camera=True)
        smaller = [rung.capture_shrink == 2 for rung in rungs]
        first = smaller.index(True)
        assert all(smaller[first:])
        assert {rung.keep_one_of for rung in rungs[: first + 1]} == {1}
        assert {rung.shrink for rung in rungs[first:]} == {1}
        assert str(rungs[first]).endswith("frames are captured at 1/2 of their width")
    assert is_camera("camera:0")
    assert is_camera("picamera2")
    assert not is_camera("rtsp://x/1")


def test_the_loop_obeys():
    class Always(LoadControl):
        rung = DegradationLevel(stretch=3, keep_one_of=2)

    source = ScriptedSource([3] * 24)
    parts = Parts(source, ScriptedDetector([]), ScriptedClassifier(), cadence=1, governor=Always())
    report = Pipeline(parts).run()
    assert (report.frames_seen, report.frames_processed, report.frames_dropped) == (24, 12, 12)
    assert report.detector_looks == 4
    assert report.governor == {}


def test_a_shrunk_picture_has_its_faces_where_they_are(weights):
    (frame,) = clip(1 / 30, lambda t: [(400, 200, 300)])
    detector = open_detector("blazeface")
    (full,), (shrunk,) = detector.detect(frame), detect_downscaled(detector, frame, 2)
    assert iou(full.box, shrunk.box) > 0.8
    assert np.abs(full.key_points - shrunk.key_points).max() < 0.1 * full.box[2]


def test_shrinking_tells_odd_sizes_exactly():
    seen = []

    class Seeing(ScriptedDetector):
        def detect(self, frame):
            seen.append(frame.size_wh)
            return super().detect(frame)

    frame = Frame(np.zeros((31, 51), np.uint8), 0, 0.0, 0.0, 0.0)
    (face,) = detect_downscaled(Seeing([[Detection((0, 0, 25, 15), 0.9)]]), frame, 2)
    assert seen == [(25, 15)]
    assert face.box == pytest.approx((0, 0, 51, 31))


def test_cpu_time_counts_the_other_process_too():
    code = "import time\nwhile time.process_time() < 0.4: pass\nprint(1, flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline()
        assert cpu_s(other.pid) - cpu_s() > 0.25
        other.kill()
        other.wait()
        assert cpu_s(other.pid) - time.process_time() < 0.01
    assert cpu_s(os.getpid()) > cpu_s()


def test_a_detector_made_slow_is_held_to_its_frames_a_second(tmp_path, weights):
    code = (
        "import sys, time, edge.service.daemon\n"
        "from edge.detection.blazeface import BlazeFaceDetector\n"
        "class Slow(BlazeFaceDetector):\n"
        "    def detect(self, frame):\n"
        "        time.sleep(0.15)\n"
        "        return super().detect(frame)\n"
        "edge.service.daemon.open_detector = lambda *_: Slow()\n"
        f"sys.argv = ['mien', 'run', '--report', {str(tmp_path / 'r.json')!r}]\n"
        "sys.argv += ['--cadence', '1', '--target-fps', '12', '--max-frames', '120']\n"
        "from edge.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["governor"]["changes"] >= 1
    assert report["governor"]["target_fps"] == 12
    assert report["detector_looks"] < 0.8 * report["frames_processed"]
    assert report["frames_dropped"] == report["governor"]["frames_left_out"] == 0
    assert "frames a second could be processed, asked for 12: the detector looks 2 times as seldom" in done.stderr
    assert "governor: " in done.stderr


def test_wrong_limits(invoke):
    for wrong in (("--target-fps", 0), ("--max-cpu", 0), ("--max-cpu", "half")):
        assert invoke("run", *wrong).code == 2
