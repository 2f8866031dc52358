"""Child processes of the installer: they end with it, and do not inherit its user's settings."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import DeployError

#: From <sys/prctl.h>: the signal that a process gets when its parent dies. `edge.system.processes` has this constant
#: too; the installer ships as one file of the modules in this folder, so it cannot share that one.
_PR_SET_PDEATHSIG = 1


def clean_environment(**extra: str) -> dict[str, str]:
    """PATH, HOME and the locale, and the given variables: no PYTHONPATH, no options for pip, no settings of mien."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONNOUSERSITE": "1", **inherited, **extra}


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that nothing goes on writing for a dead installer.

    For `preexec_fn`: called in the child before its program starts.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_child(command: Sequence[str | Path], purpose: str, environment: Mapping[str, str]) -> str:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        purpose: what the program is for, as in "cannot PURPOSE" in the error message.
        environment: all of its environment variables.

    Returns:
        What it wrote to standard output.

    Raises:
        DeployError: the program cannot be started, or fails.
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
        raise DeployError(f"cannot {purpose}: {command[0]}: {error.strerror or error}") from error
    if done.returncode:
        raise DeployError(f"cannot {purpose}: {last_line(done.stderr + done.stdout, done.returncode)}")
    return done.stdout


def last_line(output: str, status: int) -> str:
    """The line of a program's output that best explains why it ended, at most 300 characters.

    Args:
        output: what it wrote. The last line that mentions an error is preferred to the last one.
        status: its exit status, for a program that wrote nothing.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return ((errors or lines or [f"it ended with status {status} and printed nothing"])[-1])[:300]
