"""`mien run` and `mien classify` as a user calls them, in a process of their own, on real files."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli.signals import Signals, handling
from edge.inference.contract import FER2013_LABELS
from tests.conftest import PORTRAIT, SHIPPED
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.usefixtures("weights")

EVENT_KEYS = {
    "time", "source", "frame", "track_id", "box", "confidence", "emotion", "score", "emotions", "state",
    "latency_ms", "model",
}  # fmt: skip


def check_events(path, state):
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        assert set(event) == EVENT_KEYS
        assert event["emotion"] in FER2013_LABELS
        assert event["emotions"][event["emotion"]] == event["score"] == max(event["emotions"].values())
        assert all(isinstance(v, int) for v in event["box"])
        assert event["state"] == state
        assert event["latency_ms"]["total"] >= event["latency_ms"]["detect"]
    return events


def check_report(path, frames):
    report = json.loads(path.read_text())
    assert report["frames_seen"] == report["frames_processed"] == frames
    assert report["frames_dropped"] == 0
    assert {"capture", "detect", "classify", "total"} <= set(report["stages"])
    for stage in report["stages"].values():
        assert 0 <= stage["p50_ms"] <= stage["p95_ms"] <= stage["p99_ms"] <= stage["max_ms"]
    return report


def test_a_clip_to_json_lines_and_a_report(invoke, demo_clip, tmp_path):
    out, report = tmp_path / "out.jsonl", tmp_path / "r.json"
    done = invoke("run", "--source", demo_clip, "--emit", "frame", "--sink", f"jsonl:{out}", "--report", report)
    assert done.code == 0, done.err
    events = check_events(out, "frame")
    assert len({e["frame"] for e in events}) == 90
    assert {e["source"] for e in events} == {"demo.mp4"}
    table = check_report(report, 90)
    assert table["events"] == len(events)
    assert "90 frames" in done.err
    assert "Traceback" not in done.err


def test_the_talking_head_has_a_face_in_95_percent_of_its_frames(invoke, talking_head, tmp_path):
    out, report = tmp_path / "out.jsonl", tmp_path / "r.json"
    done = invoke("run", "--source", talking_head, "--emit", "frame", "--sink", f"jsonl:{out}", "--report", report)
    assert done.code == 0, done.err
    events = check_events(out, "frame")
    assert len({e["frame"] for e in events}) >= 0.95 * 120
    # There is one man in it, so one face.
    assert len({e["track_id"] for e in events}) == 1
    # How much memory the run may take is checked by .ci/run, in an environment of the base install only.
    assert check_report(report, 120)["peak_rss_mb"] > 0


@pytest.mark.parametrize("detector", ["blazeface", "blazeface-short", "haar"])
def test_every_detector_runs_the_loop(invoke, detector, demo_clip):
    done = invoke("run", "--source", demo_clip, "--detector", detector, "--max-frames", 10)
    assert done.code == 0, done.err
    assert "+ face 1" in done.out
    assert "10 frames" in done.err


def test_several_sinks_at_once(invoke, demo_clip, tmp_path):
    done = invoke("run", "--source", demo_clip, "--sink", "jsonl:-", "--sink", f"csv:{tmp_path / 'e.csv'}")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [e["state"] for e in lines] == ["started", "ended"]
    with (tmp_path / "e.csv").open(newline="") as stream:
        assert [row["state"] for row in csv.DictReader(stream)] == ["started", "ended"]


def test_a_folder_of_images(invoke, tmp_path):
    image = cv2.imread(str(PORTRAIT))
    cv2.imwrite(str(tmp_path / "1.png"), image)
    cv2.imwrite(str(tmp_path / "2.png"), np.full((50, 50, 3), 9, np.uint8))
    (tmp_path / "3.png").write_text("broken")
    done = invoke("run", "--source", tmp_path, "--emit", "frame", "--sink", "jsonl:-")
    assert done.code == 0
    assert len(done.out.splitlines()) == 1
    assert "1 dropped" in done.err


def wait_for(process, stream, text, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        line = stream.readline()
        if text in line:
            return
        assert process.poll() is None, "the command ended early"
    pytest.fail(f"no {text!r} in {timeout_s} s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_cleanly_with_the_summary(number, tmp_path):
    command = [sys.executable, "-m", "edge", "run", "--source", "demo", "--report", str(tmp_path / "r.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, process.stdout, "+ face")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "frames in" in err
    assert "Traceback" not in err
    assert "- face 1" in out
    assert json.loads((tmp_path / "r.json").read_text())["frames_processed"] > 0


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_run_that_is_still_opening_ends_at_once(number, expected):
    """For systemd, the status 130 of Ctrl-C would be a failure."""
    with handling(Signals(reloads=True).handlers), pytest.raises(expected) as ended:
        signal.raise_signal(number)
    assert getattr(ended.value, "code", 0) == 0


def test_sigusr1_prints_the_report_and_the_run_goes_on():
    command = [sys.executable, "-m", "edge", "run", "--source", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, process.stdout, "+ face")
        process.send_signal(signal.SIGUSR1)
        wait_for(process, process.stderr, "frames in")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "frames in" in err


def test_a_clip_has_a_progress_bar_on_a_terminal(demo_clip):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "edge", "run", "--source", str(demo_clip)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    os.close(leader)
    assert process.wait() == 0
    assert b"90/90" in seen
    assert b"frames" in seen


def test_a_failed_camera_still_has_summary_report_and_ended_events(tmp_path):
    code = (
        "import sys, edge.service.camera_resources\n"
        "from edge.errors import SourceError\n"
        "from edge.sources.demo import DemoSource\n"
        "class Failing(DemoSource):\n"
        "    def __iter__(self):\n"
        "        for frame in super().__iter__():\n"
        "            if frame.index == 5:\n"
        "                raise SourceError('the cable is out')\n"
        "            yield frame\n"
        "edge.service.camera_resources.open_watched = lambda *_, **__: Failing()\n"
        f"sys.argv = ['mien', 'run', '--report', {str(tmp_path / 'r.json')!r}]\n"
        "from edge.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "mien: the cable is out"
    assert "5 frames in" in done.stderr
    assert "- face 1" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["frames_processed"] == 5


def minds(pid, number):
    """Whether a process ignores or handles a signal."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return any(int(status[key], 16) >> (number - 1) & 1 for key in ("SigIgn", "SigCgt"))


def test_sigusr1_at_any_time_does_not_end_the_daemon(demo_clip):
    command = [sys.executable, "-m", "edge", "run", "--source", str(demo_clip)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: minds(process.pid, signal.SIGUSR1), "Python to be there: before it nobody can do anything")
        while process.poll() is None:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.005)
    assert process.returncode == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_standard_streams(closed, demo_clip, tmp_path):
    out = tmp_path / "e.jsonl"
    command = f"'{sys.executable}' -m edge run --source '{demo_clip}' --max-frames 2 --sink 'jsonl:{out}' {closed}"
    assert subprocess.run(["bash", "-c", command], capture_output=True).returncode == 0
    assert len(out.read_text().splitlines()) == 2


def test_a_full_standard_output_is_reported(demo_clip):
    command = f"'{sys.executable}' -m edge run --source '{demo_clip}' --max-frames 2 > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot write events to standard output: No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_invalid_sink_or_report_leaves_no_files_of_valid_ones(invoke, demo_clip, tmp_path):
    for wrong in (("--sink", "nonsense"), ("--report", tmp_path)):
        done = invoke("run", "--source", demo_clip, "--sink", f"csv:{tmp_path / 'left.csv'}", *wrong)
        assert done.code in (1, 2)
        assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_causes_no_traceback(demo_clip):
    command = f"'{sys.executable}' -m edge run --source '{demo_clip}' --emit frame --sink jsonl:- | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


# --- bad input: one line, the right exit status, nothing half-written -------------------------------------


@pytest.fixture
def junk(tmp_path):
    path = tmp_path / "junk.bin"
    path.write_bytes(b"this is neither an image nor a clip nor a model\n" * 50)
    return path


def test_invalid_sources_are_reported(invoke, tmp_path, junk, demo_clip):
    empty, cut, zeros = tmp_path / "empty", tmp_path / "cut.mp4", tmp_path / "zeros.mp4"
    empty.mkdir()
    cut.write_bytes(demo_clip.read_bytes()[:20_000])
    zeros.write_bytes(bytes(5000))
    for source, message in (
        (tmp_path / "none.mp4", "no source"),
        (junk, "is not a video"),
        (empty, "no image in"),
        ("camera:63", "no camera at"),
        (cut, "is not a video"),
        (zeros, "is not a video"),
    ):
        done = invoke("run", "--source", source)
        assert done.code == 1
        assert message in done.error_line()
        assert done.out == ""


def test_invalid_models_are_reported(invoke, tmp_path, junk):
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(SHIPPED.read_bytes()[:100_000])
    for model, message in ((tmp_path / "none.tflite", "no model"), (junk, "not a .tflite"), (cut, "has no model card")):
        done = invoke("run", "--model", model)
        assert done.code == 1
        assert message in done.error_line()


def test_missing_weights_are_reported(invoke, tmp_path):
    done = invoke("run", MIEN_CACHE=str(tmp_path))
    assert done.code == 1
    assert "mien models pull" in done.error_line()


def test_unwritable_sinks_and_reports_are_reported(invoke, tmp_path, demo_clip):
    nowhere = tmp_path / "no" / "folder"
    for arguments in (("--sink", f"jsonl:{nowhere}"), ("--sink", f"csv:{tmp_path}"), ("--report", nowhere)):
        done = invoke("run", "--source", demo_clip, *arguments)
        assert done.code == 1
        assert "cannot write" in done.error_line()
    done = invoke("run", "--source", demo_clip, "--max-frames", 2, "--report", "/dev/full")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("mien: No space left on device")
    assert Path("/dev/full").is_char_device()
    done = invoke("run", "--source", demo_clip, "--sink", "jsonl:/dev/full")
    assert done.code == 1
    # The run continues, because another sink may work. The failure is reported immediately, and at the end.
    assert "mien: warning: sink jsonl:/dev/full: cannot write" in done.err
    assert "No space left" in done.err
    assert done.err.splitlines()[-1].startswith("mien: 2 events could not be written")
    assert "Traceback" not in done.err
