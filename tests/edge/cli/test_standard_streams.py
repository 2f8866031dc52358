"""Standard output and standard error that cannot be written, and signals meanwhile: nothing is lost but the lines."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.usefixtures("weights")

#: As a user has it: with PYTHONUNBUFFERED, nothing would be left to write when the interpreter ends.
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}, "PYTHONPATH": str(ROOT)}


def command(*arguments):
    return [sys.executable, "-P", "-m", "edge", *map(str, arguments)]


def run(*arguments, **streams):
    return subprocess.run(command(*arguments), env=ENVIRONMENT, text=True, **streams)


@pytest.fixture
def full():
    with open("/dev/full", "w") as device:  # noqa: PTH123
        yield device


@contextlib.contextmanager
def daemon(folder, *arguments, **streams):
    """A run on the demo source that has published events, with a file of events and a report."""
    events, report = folder / "events.jsonl", folder / "report.json"
    options = ("run", "--emit", "frame", "--sink", f"jsonl:{events}", "--report", report, *arguments)
    with subprocess.Popen(command(*options), env=ENVIRONMENT, **streams) as process:
        try:
            wait_until(lambda: events.exists() and events.stat().st_size, "an event")
            yield process
        finally:
            process.kill()


def end(process):
    """End the daemon, and return its exit status."""
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def goes_on(folder):
    """Wait until the daemon has published more."""
    events = folder / "events.jsonl"
    size = events.stat().st_size
    wait_until(lambda: events.stat().st_size > size, "the daemon to go on")


def frames(folder):
    return json.loads((folder / "report.json").read_text())["frames_processed"]


def test_a_full_standard_error_changes_neither_report_nor_status(full, demo_clip, tmp_path):
    options = ("run", "--source", demo_clip, "--sink", f"jsonl:{tmp_path / 'e'}", "--report", tmp_path / "report.json")
    # The sink on /dev/full is logged meanwhile.
    done = run(*options, "--sink", "jsonl:/dev/full", stderr=full, stdout=subprocess.DEVNULL)
    assert done.returncode == 1
    assert frames(tmp_path) == 90
    done = run(*options, stderr=full, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    assert frames(tmp_path) == 90
    assert run("run", "--nonsense", stderr=full).returncode == 2
    assert run("run", "--source", tmp_path / "none.mp4", stderr=full).returncode == 1
    with daemon(tmp_path, stderr=full) as process:
        process.send_signal(signal.SIGUSR1)
        goes_on(tmp_path)
        assert end(process) == 0
    assert frames(tmp_path) > 0


def test_a_result_that_standard_output_does_not_take_is_an_error(full):
    for arguments in (("models", "list"), ("models", "list", "--json"), ("--help",), ("run", "--show-config")):
        done = run(*arguments, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1
        assert done.stderr == "mien: No space left on device: a file\n"


def test_a_full_standard_output_does_not_change_the_status_of_a_live_run(full, tmp_path):
    with daemon(tmp_path, "--sink", "console", stdout=full, stderr=subprocess.DEVNULL) as process:
        goes_on(tmp_path)
        assert end(process) == 0
    assert frames(tmp_path) > 0


def test_a_reader_of_standard_output_that_stops_reading_does_not_abort_the_end(tmp_path):
    reader, writer = os.pipe()
    with daemon(tmp_path, "--sink", "jsonl:-", stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        # The pipe holds 64 kB, and each line has half of one.
        wait_until(lambda: (tmp_path / "events.jsonl").stat().st_size > 100_000, "more than the pipe holds")
        assert end(process) == 0
        assert b"Fatal" not in process.stderr.read()
    os.close(reader)
    assert frames(tmp_path) > 0


def test_the_report_is_asked_for_after_the_reader_of_standard_error_has_gone(tmp_path):
    with daemon(tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        process.stderr.close()
        for _ in range(3):
            process.send_signal(signal.SIGUSR1)
            goes_on(tmp_path)
        assert end(process) == 0
    assert frames(tmp_path) > 0


#: Sends signals to a process as fast as it can, for some seconds.
FLOOD = """
import os, sys, time
process, end_s = int(sys.argv[1]), time.monotonic() + 3
while time.monotonic() < end_s:
    for number in sys.argv[2:]:
        os.kill(process, int(number))
"""


def test_a_flood_of_signals_changes_nothing(tmp_path):
    config = tmp_path / "mien.toml"
    config.write_text("min-faces = 4\n")
    errors = tmp_path / "errors"
    with (
        errors.open("w") as stderr,
        daemon(tmp_path, "--config", config, stderr=stderr, stdout=subprocess.DEVNULL) as process,
    ):
        numbers = [str(int(number)) for number in (signal.SIGUSR1, signal.SIGHUP)]
        floods = [
            subprocess.Popen([sys.executable, "-c", FLOOD, str(process.pid), *chosen])
            for chosen in (numbers[:1], numbers[:1], numbers)
        ]
        assert [flood.wait() for flood in floods] == [0, 0, 0]
        goes_on(tmp_path)
        assert end(process) == 0
    text = errors.read_text()
    assert "Traceback" not in text
    assert "RecursionError" not in text
    # Once a second at most.
    assert 1 < text.count("frames in") < 10
    assert "the configuration was read again" in text
    assert frames(tmp_path) > 0
