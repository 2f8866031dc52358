"""A first look at somebody else's bytes, in a child process: a damaged file may take its process down.

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

#: Seconds after which a file is held to hang the runtime; ResNet50 loads and runs once in less than one.
PATIENCE_S = 120.0


def load_in_sandbox(path: Path) -> None:
    """Load a .tflite and run it once, in a child.

    Raises:
        ModelError: it cannot be loaded or run; or the attempt crashed, or took too long.
    """
    command = python_command("convert.sandbox", path)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=python_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{path} is damaged: it runs for more than {PATIENCE_S:.0f} s") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelError(f"{path} is damaged: it crashes the runtime ({name})")
    if done.returncode:
        raise ModelError(last_line(done.stderr) or f"{path} is damaged: the runtime gives up on it")


def main() -> int:
    """Be the child."""
    path = Path(sys.argv[1])
    try:
        load_interpreter(read_parts(path)[0], 1, str(path))
    except MienError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
