"""The sandboxed load: an untrusted .tflite is loaded and run in a child process first, because it may crash it.

python -m convert.sandbox FILE
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from edge.errors import MienError, ModelError
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_parts
from edge.system.processes import last_line, python_command, python_environment

#: Seconds after which a file counts as one that hangs the runtime; ResNet50 loads and runs once in less than one.
TIMEOUT_S = 120.0
#: Longest error message that is passed on from the child process.
_LONGEST_MESSAGE = 2000


def load_in_sandbox(path: Path) -> None:
    """Load a .tflite and run it once, in a child process.

    Args:
        path: the file.

    Raises:
        ModelError: the file cannot be loaded or run, crashes the process, or takes longer than `TIMEOUT_S`.
    """
    try:
        done = subprocess.run(
            python_command("convert.sandbox", path),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env=python_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{path} is damaged: it runs for more than {TIMEOUT_S:.0f} s") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelError(f"{path} is damaged: it crashes the runtime ({name})")
    if done.returncode:
        message = last_line(done.stderr, longest=_LONGEST_MESSAGE)
        raise ModelError(message or f"{path} is damaged: the runtime cannot load it")


def main() -> int:
    """Load the file that the command line names; this runs in the child process."""
    path = Path(sys.argv[1])
    try:
        load_interpreter(read_parts(path)[0], 1, str(path))
    except MienError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
