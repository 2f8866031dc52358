"""`mien run` on a live source."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.edge.capture.conftest import holders_of_memory

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("behavior", ["work", "stall"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_frees_the_camera(camera, tmp_path, weights, behavior, number):
    events, report = tmp_path / "events.jsonl", tmp_path / "report.json"
    command = [sys.executable, "-m", "edge", "run", "--source", camera.spec, "--emit", "frame"]
    command += ["--sink", f"jsonl:{events}", "--report", str(report)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        while not (events.exists() and events.stat().st_size):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        camera.behave(behavior)
        time.sleep(0.5)
        # As a terminal and systemd do: to every process of the group.
        process.send_signal(number)
        for pid in holders_of_memory(process.pid):
            if pid != process.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        _, stderr = process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert holders_of_memory(process.pid) == []
    first = json.loads(events.read_text().splitlines()[0])
    assert first["source"] == camera.spec
    table = json.loads(report.read_text())
    assert table["frames_seen"] == table["frames_processed"] + table["frames_dropped"] > 0


def test_a_camera_that_is_not_there_is_one_line(mien):
    done = mien("run", "--source", "camera:63")
    assert done.code == 1
    assert "no camera at /dev/video63" in done.error_line()
