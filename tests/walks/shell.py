"""The shell of a user: it keeps its folder and its variables from one command to the next."""

import os
import re
import shlex
import subprocess
from pathlib import Path

#: A command that needs longer hangs.
_LIMIT_S = 600
#: Of the tests' own environment, or settings that change what a command prints.
_FOREIGN = re.compile(r"PYTHON|VIRTUAL_ENV|MIEN_|KERAS_BACKEND|MAKE|COV_|PYTEST|MQTT_")
#: Runs a command, and writes down where it leaves the shell.
_SCRIPT = """\
set -o pipefail
. {state}
trap 'code=$?; {{ declare -px; printf "cd %q\\n" "$PWD"; }} >{state}; exit $code' EXIT
{command}
"""


class Shell:
    """Runs commands by bash.

    Args:
        folder: in which the user begins.
        environment: more variables.

    Attributes:
        folder: the same.
        names: what stands in place of hosts, ports and paths; see `Step`.
        output: of the last command, both streams together.
        done: commands whose output is known, because another walk has run them in the same folder.
    """

    def __init__(self, folder: Path, **environment: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.output = folder, ""
        self.names: dict[str, object] = {}
        self.done: dict[str, str] = {}
        kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        # What a virtual environment has put in front is not the user's.
        path = os.pathsep.join(part for part in kept["PATH"].split(os.pathsep) if "venv" not in part)
        own = {name: str(value) for name, value in environment.items()}
        self._environment = {**kept, "PATH": f"{path}{os.pathsep}/usr/sbin", "COLUMNS": "120", **own}
        self._state = folder.with_name(f"{folder.name}.state")
        self._state.write_text(f"cd {shlex.quote(str(folder))}\n")

    def run(self, command: str, code: int = 0, place: str = "") -> str:
        """Run a command and return what it prints.

        Args:
            command: for bash.
            code: the exit status that is expected.
            place: of the command, for the message.

        Raises:
            AssertionError: the exit status is another one.
        """
        if command in self.done:
            self.output = self.done[command]
            return self.output
        script = _SCRIPT.format(state=shlex.quote(str(self._state)), command=command)
        done = subprocess.run(
            ["timeout", "--kill-after=10", str(_LIMIT_S), "bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=self._environment,
        )  # fmt: skip
        self.output = done.stdout
        print(f"$ {command}\n{self.output}", end="")
        assert done.returncode == code, f"{place}: exit status {done.returncode}\n$ {command}\n{self.output[-4000:]}"
        return self.output
