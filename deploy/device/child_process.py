"""Programs that the installer starts: they die with it, and see none of its user's settings."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import DeployError

#: prctl(2): the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def clean_environment(**more: str) -> dict[str, str]:
    """PATH, HOME and the locale; no PYTHONPATH, no pip options, no settings of mien."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONNOUSERSITE": "1", **kept, **more}


def die_with_parent() -> None:
    """In a child before its program starts: when the installer is killed, nothing of it goes on writing."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_child(command: Sequence[str | Path], what: str, environment: Mapping[str, str]) -> str:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        what: it does, for the error.
        environment: all of it.

    Returns:
        What it wrote to standard output.

    Raises:
        DeployError: it cannot be started, or fails.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=dict(environment),
            preexec_fn=die_with_parent,
        )
    except OSError as error:
        raise DeployError(f"cannot {what}: {command[0]}: {error.strerror or error}") from error
    if done.returncode:
        raise DeployError(f"cannot {what}: {last_words(done.stderr + done.stdout, done.returncode)}")
    return done.stdout


def last_words(text: str, status: int) -> str:
    """The line of a program's output that says best why it ended, at most 300 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return ((errors or lines or [f"it ended with status {status} and said nothing"])[-1])[:300]
