"""One machine behind ssh: commands on it, and files to it."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import DeployError, WrongUseError

#: Nobody is there to answer a question; a connection that has died is given up within half a minute.
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=15",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=60",
)
#: How often a copy's progress is looked up.
_LOOK_S = 1.0


class Host:
    """One machine.

    Args:
        name: as ssh takes it: `pi@porch.local`, or a name of the ssh configuration.
        folder: a short path, for the socket of the connection that all commands share.
        config: another configuration for ssh.

    Raises:
        WrongUseError: ssh would take the name for an option.
    """

    def __init__(self, name: str, folder: Path, config: Path | None = None) -> None:
        if not name or name.startswith("-") or not name.isprintable() or " " in name:
            raise WrongUseError(f"{name!r} is no host: expected a name or user@name, as ssh takes it")
        self.name = name
        own = [word for option in (*_OPTIONS, f"ControlPath={folder}/%C") for word in ("-o", option)]
        self._options = [*(["-F", str(config)] if config else []), *own]

    def run(self, *command: str, hear: Callable[[str], None] | None = None) -> str:
        """Run a command there.

        Args:
            command: words, quoted here.
            hear: called with each line that it writes to standard error, while it runs.

        Returns:
            What it wrote to standard output.

        Raises:
            DeployError: it cannot be reached, or the command fails; with the last line of what it said.
        """
        return self.run_script(shlex.join(command), hear)

    def run_script(self, script: str, hear: Callable[[str], None] | None = None) -> str:
        """Run a line of shell there; see `run`."""
        said: list[str] = []
        with self._start(["ssh", *self._options, self.name, "--", script]) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            out: list[str] = []
            # Both are read at once, or the one that is not would fill up.
            reader = threading.Thread(target=lambda stream: out.append(stream.read()), args=(process.stdout,))
            reader.start()
            for line in process.stderr:
                said.append(line.rstrip("\n"))
                if hear is not None:
                    hear(said[-1])
            reader.join()
            status = process.wait()
        if status:
            raise DeployError(_last(said, status))
        return "".join(out)

    def put(self, batch: str, look: Callable[[], None]) -> None:
        """Copy files there, by one session of sftp.

        Args:
            batch: its commands, a line each; see `quoted`.
            look: called now and then while it copies.

        Raises:
            DeployError: it cannot be reached, or a command fails.
        """
        with self._start(["sftp", "-q", *self._options, "-b", "-", self.name], stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(f"{batch}\n")
            process.stdin.close()
            # communicate() would write to it.
            process.stdin = None
            while True:
                try:
                    said = process.communicate(timeout=_LOOK_S)[1]
                    break
                except subprocess.TimeoutExpired:
                    look()
        if process.returncode:
            raise DeployError(_last(said.splitlines(), process.returncode))

    def size(self, remote: str) -> int:
        """Bytes of a file there; 0 where it is none."""
        return int(self.run_script(f"stat -c %s {shlex.quote(remote)} 2>/dev/null || echo 0").strip())

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
            raise DeployError(f"there is no {command[0]} here: sudo apt install openssh-client") from error


def _last(lines: Sequence[str], status: int) -> str:
    told = [line.strip() for line in lines if line.strip() and not line.startswith("step ")]
    return (told or [f"ended with status {status} and said nothing"])[-1].removeprefix("mien deploy: ")[:300]


def quoted(path: Path) -> str:
    """A path as a batch of sftp takes it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
