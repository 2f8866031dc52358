"""Compiles the C source of a project, and calls it."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from convert.micro.project_files import SOURCE

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def compiler(name: str = "gcc") -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: install gcc and g++ (Debian: apt-get install build-essential)")
    return found


def compile_library(folder: Path, names: list[str] | None = None) -> ctypes.CDLL:
    """Compile C files of a project into a library.

    Args:
        folder: the project's `src`.
        names: of the files; None for all.
    """
    library = folder / f"lib{len(list(folder.glob('lib*.so')))}.so"
    files = names or sorted(path.name for path in folder.glob("*.c"))
    command = [compiler(), "-std=c99", "-O2", *WARNINGS, "-shared", "-fPIC", "-o", library, *files, "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def copied_source(folder: Path, **generated: str) -> Path:
    """Copy the source that all projects share, and write generated files beside it, by name with `_` for the dot."""
    shutil.copytree(SOURCE / "src", folder)
    for name, text in generated.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text, "ascii")
    return folder


def run_network(library: ctypes.CDLL, faces: np.ndarray, classes: int) -> np.ndarray:
    """Return the codes of the portable network: `(faces, classes)` int8."""
    library.mien_run_network.restype = ctypes.POINTER(ctypes.c_int8)
    library.mien_run_network.argtypes = [ctypes.c_void_p]
    rows = [library.mien_run_network(np.ascontiguousarray(face).ctypes.data)[:classes] for face in faces]
    return np.array(rows, np.int8)
