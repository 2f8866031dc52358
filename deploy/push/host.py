"""One machine that is reached over ssh: runs commands on it, and copies files to it."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.push.bounded_command import BoundedCommand, printable_line
from edge.errors import DeployError, WrongUseError, shown
from edge.system.processes import last_line

#: No question is ever asked, and a dead connection is given up after half a minute (ssh_config(5)).
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=15",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=60",
)
#: Interval between two reports of a copy's progress.
_REPORT_INTERVAL_S = 1.0
#: How long a command may take on the host, and a copy in which nothing arrives.
COMMAND_TIMEOUT_S, STALL_TIMEOUT_S = 120.0, 120.0
_CLOSE_TIMEOUT_S = 20.0


class Host:
    """One machine.

    Args:
        name: as ssh takes it: `pi@porch.local`, or a name of the ssh configuration.
        folder: for the socket of the connection that all commands share. Its path must be short: the address of a
            socket has at most 108 bytes (unix(7)).
        config: an ssh configuration to use in place of the user's.

    Raises:
        WrongUseError: ssh would take the name for an option.
    """

    def __init__(self, name: str, folder: Path, config: Path | None = None) -> None:
        if not name or name.startswith("-") or not name.isprintable() or " " in name:
            raise WrongUseError(f"{shown(name)} is not a host: expected a name or user@name, as ssh takes it")
        self.name = name
        own = [word for option in (*_OPTIONS, f"ControlPath={folder}/%C") for word in ("-o", option)]
        self._options = [*(["-F", str(config)] if config else []), *own]

    def run(self, *command: str) -> str:
        """Run a command on the host, its words quoted; see `run_script`."""
        return self.run_script(shlex.join(command))

    def run_script(
        self, script: str, on_line: Callable[[str], None] | None = None, timeout_s: float | None = None
    ) -> str:
        """Run a line of shell on the host.

        Args:
            script: the line.
            on_line: called with each line that it writes to standard error, while it runs.
            timeout_s: the command is ended after this time; None is `COMMAND_TIMEOUT_S`.

        Returns:
            What it wrote to standard output.

        Raises:
            DeployError: the host cannot be reached, or the command fails, takes too long or writes too much; the
                message is its last line.
        """
        with BoundedCommand(["ssh", *self._options, self.name, "--", script], on_line) as command:
            status = command.wait(COMMAND_TIMEOUT_S if timeout_s is None else timeout_s)
        if status:
            raise DeployError(_reason(command.errors, status))
        return command.output

    def put(self, batch: str, report: Callable[[], int]) -> None:
        """Copy files to the host in one session of sftp.

        Args:
            batch: its commands, one on each line; see `quote_for_sftp`.
            report: called now and then while it copies; returns the number of bytes that have arrived.

        Raises:
            DeployError: the host cannot be reached, a command fails, or nothing arrives any more.
        """
        arrived, arrived_s = 0, time.monotonic()
        with BoundedCommand(["sftp", "-q", *self._options, "-b", "-", self.name], stdin=f"{batch}\n") as command:
            while (status := command.poll(_REPORT_INTERVAL_S)) is None:
                now, now_s = report(), time.monotonic()
                if now != arrived:
                    arrived, arrived_s = now, now_s
                elif now_s - arrived_s > STALL_TIMEOUT_S:
                    raise DeployError(f"nothing has arrived for {STALL_TIMEOUT_S:.0f} s: check the network")
        if status:
            raise DeployError(_reason(command.errors, status))

    def file_size(self, path: str) -> int:
        """The size of a file on the host in bytes; 0 where it does not exist."""
        return whole_number(self.run_script(f"stat -c %s {shlex.quote(path)} 2>/dev/null || echo 0"))

    def close(self) -> None:
        """End the connection that the commands shared."""
        command = ["ssh", *self._options, "-O", "exit", self.name]
        with suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CLOSE_TIMEOUT_S)


def whole_number(output: str) -> int:
    """Read the number that a command on a host has printed.

    Raises:
        DeployError: it has printed something else, as a login that greets does.
    """
    text = output.strip()
    if not text.isdecimal() or len(text) > 18:
        raise DeployError(
            f"the host answered {printable_line(text)!r}: expected a number; its shell must print nothing at login"
        )
    return int(text)


def _reason(errors: str, status: int) -> str:
    """The last line of an error output that is not a step of the installer, without the installer's own prefix."""
    lines = [line for line in errors.splitlines() if not line.startswith("step ")]
    last = printable_line(last_line("\n".join(lines)))
    return last.removeprefix("mien deploy: ") if last else f"the command ended with status {status} and printed nothing"


def quote_for_sftp(path: Path) -> str:
    """A path as a batch file of sftp takes it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
