"""Child processes that run Python: how they start, how they end with their parent, and the last line they print."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.system.native_logs import quiet_native_logs
from edge.system.operating_system import c_library

#: From <sys/prctl.h>: the signal that a process gets when its parent dies (prctl(2)).
_PR_SET_PDEATHSIG = 1
#: The folder that holds mien's packages, installed or not.
_ROOT = Path(__file__).resolve().parents[2]
_MAX_LINE = 200
_FIRST_EXCEPTION = 0xC0000000


def python_command(module: str, *arguments: object) -> list[str]:
    """The command line that runs a module of mien with the current interpreter.

    `-P` keeps the working directory off the module path: it may hold an `edge.py` or a `convert.py` of its own.

    Args:
        module: the module's name, such as `edge.benchmark.worker`.
        arguments: its arguments.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def command_line() -> str:
    """The command of this process, as in a shell: its program without the folder, and its arguments."""
    program = Path(sys.argv[0] or "python").name
    return shlex.join(["mien" if program == "__main__.py" else program, *sys.argv[1:]])


def python_environment(**variables: str) -> dict[str, str]:
    """The environment for `python_command`: the child finds mien where its parent did, installed or not.

    Args:
        variables: environment variables to set in addition.
    """
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    quiet_native_logs(environment)
    return environment


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends. To be called in the child.

    Only Linux can; on other systems nothing happens.

    Args:
        parent_pid: the process id of the parent. If it is not the parent any more, this process exits.
    """
    prctl = getattr(c_library(), "prctl", None)
    if prctl is None or sys.platform != "linux":
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the call.
    if os.getppid() != parent_pid:
        sys.exit("the parent process has ended")


def last_line(output: str | bytes, preferred: Sequence[str] = (), longest: int = _MAX_LINE) -> str:
    """The last line of a program's output that is not blank; empty if there is none.

    Args:
        output: what the program wrote.
        preferred: if any line contains one of these texts, the last such line is returned.
        longest: the number of characters after which the line is cut.
    """
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = [line for line in lines if any(word in line for word in preferred)] or lines
    return chosen[-1][:longest] if chosen else ""


def describe_exit(status: int, output: str | bytes = b"") -> str:
    """How a child process ended, and its last line: `signal 11 (SIGSEGV), Fatal Python error: ...`.

    Args:
        status: the return code as `subprocess` has it; negative for a signal.
        output: what the process wrote.
    """
    crash = crash_name(status)
    ending = crash or f"exit status {status}"
    if crash and status < 0:
        ending = f"signal {-status} ({crash})"
    line = last_line(output)
    return f"{ending}, {line}" if line else ending


def crash_name(status: int) -> str:
    """The name of what has ended a process: a signal, or an exception of Windows; empty for an exit status.

    Args:
        status: the return code as `subprocess` has it.
    """
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            # The real-time signals have no names.
            return f"signal {-status}"
    # An NTSTATUS of the severity error (ntstatus.h), such as 0xC0000005 for an access to memory that is not mapped.
    return f"exception 0x{status:08X}" if status >= _FIRST_EXCEPTION else ""
