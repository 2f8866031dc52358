"""One machine that is reached over ssh: runs commands on it, and copies files to it."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import DeployError, WrongUseError
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
            raise WrongUseError(f"{name!r} is not a host: expected a name or user@name, as ssh takes it")
        self.name = name
        own = [word for option in (*_OPTIONS, f"ControlPath={folder}/%C") for word in ("-o", option)]
        self._options = [*(["-F", str(config)] if config else []), *own]

    def run(self, *command: str) -> str:
        """Run a command on the host, its words quoted; see `run_script`."""
        return self.run_script(shlex.join(command))

    def run_script(self, script: str, on_line: Callable[[str], None] | None = None) -> str:
        """Run a line of shell on the host.

        Args:
            script: the line.
            on_line: called with each line that it writes to standard error, while it runs.

        Returns:
            What it wrote to standard output.

        Raises:
            DeployError: the host cannot be reached, or the command fails; the message is its last line.
        """
        errors: list[str] = []
        with self._start(["ssh", *self._options, self.name, "--", script]) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            output: list[str] = []
            # Both streams are read at once, because a full pipe would block the command.
            reader = threading.Thread(target=lambda stream: output.append(stream.read()), args=(process.stdout,))
            reader.start()
            for line in process.stderr:
                errors.append(line.rstrip("\n"))
                if on_line is not None:
                    on_line(errors[-1])
            reader.join()
            status = process.wait()
        if status:
            raise DeployError(_reason("\n".join(errors), status))
        return "".join(output)

    def put(self, batch: str, report: Callable[[], None]) -> None:
        """Copy files to the host in one session of sftp.

        Args:
            batch: its commands, one on each line; see `quote_for_sftp`.
            report: called now and then while it copies.

        Raises:
            DeployError: the host cannot be reached, or a command fails.
        """
        with self._start(["sftp", "-q", *self._options, "-b", "-", self.name], stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(f"{batch}\n")
            process.stdin.close()
            # Otherwise communicate() would write to it again.
            process.stdin = None
            while True:
                try:
                    errors = process.communicate(timeout=_REPORT_INTERVAL_S)[1]
                    break
                except subprocess.TimeoutExpired:
                    report()
        if process.returncode:
            raise DeployError(_reason(errors, process.returncode))

    def file_size(self, path: str) -> int:
        """The size of a file on the host in bytes; 0 where it does not exist."""
        return int(self.run_script(f"stat -c %s {shlex.quote(path)} 2>/dev/null || echo 0").strip())

    def close(self) -> None:
        """End the connection that the commands shared."""
        command = ["ssh", *self._options, "-O", "exit", self.name]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)

    def _start(self, command: Sequence[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
            )
        except OSError as error:
            raise DeployError(f"{command[0]} is not installed here: sudo apt install openssh-client") from error


def _reason(errors: str, status: int) -> str:
    """The last line of an error output that is not a step of the installer, without the installer's own prefix."""
    lines = [line for line in errors.splitlines() if not line.startswith("step ")]
    last = last_line("\n".join(lines)) or f"the command ended with status {status} and printed nothing"
    return last.removeprefix("mien deploy: ")


def quote_for_sftp(path: Path) -> str:
    """A path as a batch file of sftp takes it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
