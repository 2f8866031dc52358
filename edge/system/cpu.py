"""The CPU time that a run takes."""

from __future__ import annotations

import os
import time
from pathlib import Path


def cpu_s(*pids: int | None) -> float:
    """CPU time used so far, in seconds: of all threads of this process, plus that of its capture processes.

    Args:
        pids: the capture processes; None or a process that has ended adds nothing.
    """
    return time.process_time() + sum(_process_s(Path(f"/proc/{pid}/stat")) for pid in pids if pid is not None)


def _process_s(stat: Path) -> float:
    try:
        # The name, in parentheses, may hold anything; user and system time are the 12th and 13th field after it.
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
