"""Limits on memory: an allocation fails, and the process goes on."""

import subprocess
import sys

import numpy as np
import pytest

from edge.system.memory import limited_growth
from edge.system.processes import python_environment

MB = 1 << 20


def test_an_allocation_beyond_the_limit_fails_and_the_limit_ends():
    with limited_growth(64 * MB):
        small = np.ones(16 * MB, np.uint8)
        with pytest.raises(MemoryError):
            np.ones(128 * MB, np.uint8)
    assert small.sum() == 16 * MB
    assert np.ones(128 * MB, np.uint8).nbytes == 128 * MB


@pytest.mark.slow
def test_a_process_is_killed_before_its_parent_where_memory_runs_out():
    code = (
        "from pathlib import Path\nfrom edge.system.memory import prefer_for_oom_kill\nprefer_for_oom_kill()\n"
        "print(Path('/proc/self/oom_score_adj').read_text().strip())"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, env=python_environment()
    )
    assert done.stdout == "1000\n"
