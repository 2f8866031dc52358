"""The sandboxed load: a .tflite of unknown origin is loaded and run in a child process first, because it may crash it.

LiteRT verifies a flatbuffer's tables, not what the operators make of them: damaged shapes and indices crash it, and a
loop may never end.
"""

from __future__ import annotations

import json
import logging
import subprocess
from hashlib import sha256
from pathlib import Path

from edge.errors import ModelError
from edge.inference.litert import runtime_version
from edge.inference.model_card import read_parts
from edge.inference.shipped_models import MODELS_FOLDER
from edge.system.atomic_files import write_json
from edge.system.cache import cache_folder
from edge.system.processes import crash_name, last_line, python_command, python_environment

logger = logging.getLogger(__name__)

#: Seconds after which a file counts as one that hangs the runtime; ResNet50 loads and runs once in less than one.
TIMEOUT_S = 120.0
#: Longest error message that is passed on from the child process.
_LONGEST_MESSAGE = 2000
#: How many files are remembered as loadable.
_MAX_REMEMBERED = 200


def require_loadable(graph: bytes, path: Path) -> None:
    """Check that this process can load a flatbuffer: in a child process, once for each content.

    The models that mien ships, and copies of them under their names, as a bundle has them, are not checked. What was
    found is stored in the cache folder, by SHA-256.

    Args:
        graph: the flatbuffer.
        path: the file that it comes from.

    Raises:
        ModelError: see `load_in_sandbox`.
    """
    if _is_shipped(graph, path.name):
        return
    store, key = cache_folder() / "loadable.json", f"{sha256(graph).hexdigest()} {runtime_version()}"
    if key in _read(store):
        return
    run_in_sandbox(graph, str(path))
    try:
        write_json(store, [*_read(store)[1 - _MAX_REMEMBERED :], key])
    except OSError as error:
        logger.info("%s is checked again next time: cannot write %s: %s", path, store, error.strerror or error)


def _is_shipped(graph: bytes, name: str) -> bool:
    shipped = MODELS_FOLDER / name
    try:
        return shipped.is_file() and read_parts(shipped)[0] == graph
    except ModelError:
        # The one beside this code is damaged; that says nothing about the other.
        return False


def load_in_sandbox(path: Path) -> None:
    """Load a .tflite and run it once, in a child process.

    Args:
        path: the file.

    Raises:
        ModelError: the file cannot be loaded or run, crashes the process, or takes longer than `TIMEOUT_S`.
        CardError: its card is not valid.
    """
    run_in_sandbox(read_parts(path)[0], str(path))


def run_in_sandbox(graph: bytes, name: str) -> None:
    """Load a flatbuffer and run it once, in a child process.

    Args:
        graph: the flatbuffer.
        name: of the file, in error messages.

    Raises:
        ModelError: it has control flow; it cannot be loaded or run, crashes the process, or takes longer than
            `TIMEOUT_S`.
    """
    try:
        done = subprocess.run(
            python_command("edge.inference.sandbox_child", name),
            input=graph,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=python_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{name} is damaged: it runs for more than {TIMEOUT_S:.0f} s") from error
    if crash := crash_name(done.returncode):
        raise ModelError(f"{name} is damaged: it crashes the runtime ({crash})")
    if done.returncode:
        message = last_line(done.stderr, longest=_LONGEST_MESSAGE)
        raise ModelError(message or f"{name} is damaged: the runtime cannot load it")


def _read(store: Path) -> list[str]:
    try:
        stored = json.loads(store.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [key for key in stored if isinstance(key, str)] if isinstance(stored, list) else []
