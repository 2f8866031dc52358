"""Load control: with a simulated clock and processor, and in a real run."""

import json
import logging
import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from edge.boxes import iou
from edge.detection import open_detector
from edge.detection.downscaling import detect_downscaled
from edge.pipeline import Components, DegradationLevel, LoadControl, Pipeline, degradation_levels
from edge.pipeline.load_control import PATIENCE_S, WINDOW_S
from edge.recognizer import Recognizer
from edge.sources import source_class
from edge.system.cpu import cpu_s
from edge.testing import ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import Detection, Frame
from tests.edge.made_clip import clip

LIVE = degradation_levels(True, live=True)
FPS = 30


class Board:
    """A simulated board with a live source at `FPS`, on which every frame takes a given time.

    Attributes:
        now_s, spent_s: the clock, and CPU time.
        levels: the degradation level in each frame of the source.
    """

    def __init__(self, frame_s, levels=LIVE, **limits):
        self.now_s = self.spent_s = 0.0
        self.frame_s, self.levels = frame_s, []
        self.control = LoadControl(levels, clock=lambda: self.now_s, cpu=lambda: self.spent_s, **limits)

    def run(self, seconds):
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            began_s = self.now_s
            level = self.control.level
            if self.control.admits():
                took_s = self.frame_s(level, self.now_s)
                self.now_s += took_s
                self.spent_s += took_s
                self.control.frame_done()
            self.levels.append(level)
            self.now_s = max(self.now_s, began_s + 1 / FPS)
        return self

    @property
    def changes(self):
        return self.control.report().changes


def detector_of(seconds):
    """Return the cost of a frame: a detector that takes this long, and 3 ms for everything else."""
    return lambda level, _: 0.003 + seconds / (level.interval_factor * level.downscale)


def test_without_limits_nothing_is_degraded():
    board = Board(detector_of(1.0)).run(60)
    assert set(board.levels) == {DegradationLevel()}
    assert board.control.report() is None


def test_a_board_that_is_fast_enough_is_not_degraded():
    board = Board(detector_of(0.01), target_fps=25, max_cpu_percent=50).run(120)
    assert set(board.levels) == {DegradationLevel()}
    assert board.changes == 0


def test_the_interval_is_lengthened_first_and_frames_are_skipped_last():
    board = Board(lambda level, _: 0.05, max_cpu_percent=10).run(60)
    order = list(dict.fromkeys(board.levels))
    assert order == list(LIVE)
    assert [level.keep_one_of for level in order[:4]] == [1] * 4
    report = board.control.report()
    assert report.frames_skipped > 0
    assert report.level == "detection interval x4, detection at 1/2 of the frame width, 1 of 8 frames processed"


def test_a_target_frame_rate_degrades_as_far_as_needed_and_skips_no_frame():
    board = Board(detector_of(0.15), target_fps=20).run(60)
    assert board.control.level == DegradationLevel(4)
    assert board.control.report().frames_skipped == 0
    hopeless = Board(detector_of(9), target_fps=20).run(120)
    assert hopeless.control.level == DegradationLevel(4, 2)
    assert hopeless.control.report().frames_skipped == 0


def test_a_source_slower_than_the_target_is_no_reason_to_degrade():
    board = Board(detector_of(0.005), target_fps=60).run(60)
    assert board.changes == 0


def test_the_cpu_time_stays_within_its_limit():
    board = Board(detector_of(0.04), max_cpu_percent=40).run(30)
    spent_s = board.spent_s
    board.run(60)
    assert (board.spent_s - spent_s) / 60 <= 0.45


def test_it_recovers_one_level_at_a_time():
    board = Board(lambda level, now_s: detector_of(0.1 if now_s < 20 else 0.004)(level, now_s), max_cpu_percent=40)
    board.run(20)
    assert board.control.level != DegradationLevel()
    lowest = LIVE.index(board.control.level)
    board.run(20 + lowest * (PATIENCE_S + 2 * WINDOW_S))
    assert board.control.level == DegradationLevel()
    steps = [LIVE.index(level) for level in board.levels]
    assert {abs(b - a) for a, b in pairwise(steps)} <= {0, 1}
    assert board.control.report().highest_level == str(LIVE[lowest])


def test_it_does_not_oscillate():
    """One level is too expensive and the next leaves room: it is tried again less and less often."""
    board = Board(lambda level, _: 0.03 if level == DegradationLevel() else 0.005, max_cpu_percent=50)
    board.run(3600)
    # Every 14 s would be 500.
    assert board.changes < 30
    assert np.mean([level == DegradationLevel() for level in board.levels]) < 0.02


def test_within_the_tolerance_nothing_changes():
    board = Board(lambda level, _: 0.8 * 0.5 / FPS, max_cpu_percent=50).run(600)
    assert board.changes == 0


def test_every_change_is_one_line_in_the_log_and_the_last_level_a_warning(caplog):
    caplog.set_level(logging.INFO)
    board = Board(lambda level, _: 0.05, max_cpu_percent=10).run(60)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == board.changes == len(LIVE) - 1
    assert lines[0] == "load control: 100 % of a core used, limit 10: detection interval x2"
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.endswith("no cheaper degradation level is left")


def test_the_order_of_degradation_levels():
    assert all(level.keep_one_of == 1 for level in degradation_levels(True, live=False))
    assert all(level.downscale == 1 for level in degradation_levels(False, live=True))
    assert str(degradation_levels(False, live=True)[0]) == "no degradation"
    assert all(level.capture_downscale == 1 for level in degradation_levels(True, live=True))
    for downscalable in (True, False):
        # A camera captures smaller frames before frames are skipped, and from then on; the detector gets all of them.
        levels = degradation_levels(downscalable, live=True, camera=True)
        smaller = [level.capture_downscale == 2 for level in levels]
        first = smaller.index(True)
        assert all(smaller[first:])
        assert {level.keep_one_of for level in levels[: first + 1]} == {1}
        assert {level.downscale for level in levels[first:]} == {1}
        assert str(levels[first]).endswith("capture at 1/2 of the frame width")
    assert source_class("camera:0").can_downscale
    assert source_class("picamera2").can_downscale
    assert not source_class("rtsp://x/1").can_downscale


def test_the_loop_applies_the_level():
    class Always(LoadControl):
        level = DegradationLevel(interval_factor=3, keep_one_of=2)

    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([]))
    components = Components.build(ScriptedSource([3] * 24), recognizer, interval=1, load_control=Always())
    report = Pipeline(components).run()
    assert (report.frames_seen, report.frames_processed, report.frames_dropped) == (24, 12, 12)
    assert report.detector_runs == 4
    assert report.load_control is None


def test_boxes_in_a_downscaled_frame_are_in_pixels_of_the_frame(weights):
    (frame,) = clip(1 / 30, lambda t: [(400, 200, 300)])
    detector = open_detector("blazeface")
    (full,), (downscaled,) = detector.detect(frame), detect_downscaled(detector, frame, 2)
    assert iou(full.box, downscaled.box) > 0.8
    assert np.abs(full.key_points - downscaled.key_points).max() < 0.1 * full.box[2]


def test_odd_sizes_are_scaled_back_exactly():
    seen = []

    class Recording(ScriptedDetector):
        def detect(self, frame):
            seen.append(frame.size_wh)
            return super().detect(frame)

    frame = Frame(np.zeros((31, 51), np.uint8), 0, 0.0, 0.0, 0.0)
    (face,) = detect_downscaled(Recording([[Detection((0, 0, 25, 15), 0.9)]]), frame, 2)
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


def test_a_slow_detector_reaches_its_target_frame_rate(tmp_path, weights):
    code = (
        "import sys, time, edge.service.resources\n"
        "from edge.detection.blazeface import BlazeFace\n"
        "class Slow(BlazeFace):\n"
        "    def detect(self, frame):\n"
        "        time.sleep(0.15)\n"
        "        return super().detect(frame)\n"
        "edge.service.resources.open_detector = lambda *_: Slow.open()\n"
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
    assert (
        report["frames_dropped"]
        == report["governor"]["frames_left_out"]
        == report["load_control"]["frames_skipped"]
        == 0
    )
    assert "frames per second possible, target 12: detection interval x2" in done.stderr
    assert "load control: " in done.stderr


def test_invalid_limits_are_rejected(invoke):
    for wrong in (("--target-fps", 0), ("--max-cpu", 0), ("--max-cpu", "half")):
        assert invoke("run", *wrong).code == 2
