"""A process as on Windows or macOS: on Linux by what `bare/sitecustomize.py` takes away, on these systems as it is."""

import os
import subprocess
import sys
from pathlib import Path

from tests.commands import Outcome, run_mien

ROOT = Path(__file__).parents[2]
#: The folder that takes away what other systems do not have.
_BARE = Path(__file__).parent / "bare"


def environment(**variables: str) -> dict[str, str]:
    """The variables of such a process, and of all of its children."""
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    if sys.platform == "linux":
        folders.insert(0, str(_BARE))
    return {"PYTHONPATH": os.pathsep.join(filter(None, folders)), **variables}


def run_elsewhere(*arguments: object, module: str = "edge", **variables: str) -> Outcome:
    """Run a command of mien in such a process."""
    return run_mien(*arguments, module=module, **environment(**variables))


def run_code(code: str, *arguments: object) -> Outcome:
    """Run code in such a process."""
    command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment()}, timeout=600)
    return Outcome.of(done)
