import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train.training.backend import import_keras


@pytest.fixture(scope="session", autouse=True)
def keras():
    return import_keras()


def epochs_of(run):
    """A run's history without what a clock wrote."""
    with (run / "history.csv").open(newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


def kill_after(rows, command, *arguments):
    """Start a run by `fit` or `distill` and kill it in the epoch after so many."""
    line = [sys.executable, "-m", "train", command, *map(str, arguments)]
    history = Path(line[-1]) / "history.csv"
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if history.exists() and len(history.read_text().splitlines()) > rows:
                break
            time.sleep(0.005)
        assert process.poll() is None, "the run ended before it could be killed: give it more epochs"
        process.send_signal(signal.SIGKILL)
