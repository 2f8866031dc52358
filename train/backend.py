"""Which Keras backend trains, and in which precision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError, WrongUseError
from edge.quiet import quiet_stderr

PRECISIONS = ("auto", "float32", "mixed_bfloat16")


def import_keras() -> Any:
    """Import Keras on the backend that `KERAS_BACKEND` names (tensorflow by default).

    Raises:
        MissingExtraError: Keras or its backend is not installed.
        WrongUseError: `KERAS_BACKEND` names none.
    """
    # TensorFlow's start-up remarks about its build drown a command's own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():
            import keras
    except ImportError as error:
        raise MissingExtraError("train", error.name or "keras") from error
    except ValueError as error:
        backend = os.environ.get("KERAS_BACKEND")
        raise WrongUseError(f"KERAS_BACKEND is {backend!r}: expected tensorflow, jax or torch") from error
    return keras


def resolve_precision(precision: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The Keras dtype policy for a recipe's `precision`.

    `auto` is `mixed_bfloat16` on CPUs that multiply bfloat16 in hardware, where it was measured 1.4 to 1.7
    times as fast, and `float32` elsewhere.

    Args:
        precision: one of `PRECISIONS`.
        cpuinfo: where Linux lists the CPU's features.
    """
    if precision != "auto":
        return precision
    try:
        features = set(cpuinfo.read_text().split())
    except OSError:
        return "float32"
    return "mixed_bfloat16" if features & {"avx512_bf16", "amx_bf16", "bf16"} else "float32"
