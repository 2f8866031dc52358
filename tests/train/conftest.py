import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import invoke_mien
from train.backend import import_keras


@pytest.fixture(scope="session", autouse=True)
def keras():
    return import_keras()


@pytest.fixture(scope="session")
def mien():
    """The command in this process, which has loaded Keras already: each child process would load it again."""
    return invoke_mien


def epochs_of(run):
    """A run's history without the columns that depend on a clock."""
    with (run / "history.csv").open(newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


def kill_after(rows, command, *arguments):
    """Start a run by `fit` or `distill` in a process of its own, and kill it after that many rows of its history."""
    line = [sys.executable, "-P", "-m", "train", command, *map(str, arguments)]
    history = Path(line[-1]) / "history.csv"
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if history.exists() and len(history.read_text().splitlines()) > rows:
                break
            time.sleep(0.005)
        assert process.poll() is None, "the run ended before it could be killed: give it more epochs"
        process.send_signal(signal.SIGKILL)
