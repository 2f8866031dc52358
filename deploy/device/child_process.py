"""Child processes of the installer: they end with it, and do not inherit its user's settings."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import DeployError

#: From <sys/prctl.h>: the signal that a process gets when its parent dies. `edge.system.processes` has this constant
#: too; the installer ships as one file of the modules in this folder, so it cannot share that one.
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Identity:
    """A user without rights, as whom a release is tried before the service runs it.

    systemd chooses the service's own user when it starts it (DynamicUser), so the kernel's overflow user stands in.

    Attributes:
        user, group: their numbers.
    """

    user: int = 65534
    group: int = 65534

    def as_options(self) -> dict[str, Any]:
        """The arguments of `subprocess.Popen` that start a process as this user."""
        return {"user": self.user, "group": self.group, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or folder."""
        os.chown(path, self.user, self.group)


def unprivileged() -> Identity | None:
    """A user without rights; None where this process, which runs as root, cannot become another user."""
    identity = Identity()
    # In a user namespace root may have no other user to change to.
    for name in ("uid_map", "gid_map"):
        ranges = [tuple(map(int, line.split())) for line in Path(f"/proc/self/{name}").read_text().splitlines()]
        if not any(first <= identity.user < first + count for first, _, count in ranges):
            return None
    return identity


def clean_environment(**extra: str) -> dict[str, str]:
    """PATH, HOME and the locale, and the given variables: no PYTHONPATH, no options for pip, no settings of mien."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONNOUSERSITE": "1", **inherited, **extra}


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that nothing goes on writing for a dead installer.

    For `preexec_fn`: called in the child before its program starts.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_child(
    command: Sequence[str | Path],
    purpose: str,
    environment: Mapping[str, str],
    *,
    limit_s: float | None = None,
    identity: Identity | None = None,
) -> str:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        purpose: what the program is for, as in "cannot PURPOSE" in the error message.
        environment: all of its environment variables.
        limit_s: seconds after which it is killed; None for no limit.
        identity: the user that it runs as; None for the present one.

    Returns:
        What it wrote to standard output.

    Raises:
        DeployError: the program cannot be started, fails, or takes longer.
    """
    options: dict[str, Any] = identity.as_options() if identity else {}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=dict(environment),
            preexec_fn=die_with_parent,
            timeout=limit_s,
            **options,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployError(f"cannot {purpose}: it ran out of time after {limit_s:.0f} s") from error
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
