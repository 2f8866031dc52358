"""TensorFlow Lite for Microcontrollers, run by its Python package: the memory that it takes, and its scores.

It runs in a child process: a model that it does not expect may end the process.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import MissingExtraError, ModelError, WrongUseError
from edge.system.processes import crash_name, last_line, python_command, python_environment

Progress = Callable[[int, int], None]
#: Faces after which the child reports its progress.
REPORT_EVERY = 16
#: Systems and processors that the package has wheels for.
_WHEELS = {("linux", "x86_64")}


@dataclass(frozen=True)
class MicroRun:
    """What the interpreter did.

    Attributes:
        arena_bytes: the smallest arena in which the network runs, on this machine, with the reference kernels.
        codes: `(faces, n)` int8 output codes.
    """

    arena_bytes: int
    codes: npt.NDArray[np.int8]


def require_tflm() -> None:
    """Check that the package is installed.

    Raises:
        MissingExtraError: it is not.
        WrongUseError: there is none for this machine.
    """
    try:
        is_missing = find_spec("tflite_micro") is None
    except ValueError:
        # A module that was set to None: blocked.
        is_missing = True
    if not is_missing:
        return
    if (sys.platform, platform.machine()) not in _WHEELS:
        raise WrongUseError(
            "this needs tflite-micro, which has packages for Linux on x86_64 only: run this command on such a computer"
        )
    raise MissingExtraError("micro", "tflite-micro")


def run_tflm(graph: bytes, faces: npt.NDArray[np.uint8], name: str, progress: Progress | None = None) -> MicroRun:
    """Measure the arena, and classify faces.

    Args:
        graph: an int8 flatbuffer with the contract's input.
        faces: `(faces, h, w)` uint8, in the size of the model's input.
        name: of the model, in error messages.
        progress: called with the number of classified and of all faces.

    Raises:
        MissingExtraError: the package is not installed.
        ModelError: the interpreter rejects the model.
    """
    require_tflm()
    with tempfile.TemporaryDirectory() as folder:
        model, images, codes = (Path(folder) / part for part in ("model.tflite", "faces.npy", "codes.npy"))
        model.write_bytes(graph)
        np.save(images, faces)
        command = python_command("convert.micro.tflm_child", model, images, codes)
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=python_environment()) as child,
        ):
            assert child.stdout is not None
            arena_bytes = 0
            for line in child.stdout:
                word, _, number = line.decode().partition(" ")
                if word == "arena":
                    arena_bytes = int(number)
                elif progress is not None:
                    progress(int(number), len(faces))
            code = child.wait()
            errors.seek(0)
            if code:
                reason = crash_name(code) or last_line(errors.read())
                raise ModelError(f"TensorFlow Lite for Microcontrollers cannot run {name}: {reason}")
        return MicroRun(arena_bytes, np.load(codes))
