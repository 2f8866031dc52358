"""Imports Keras on the backend that the environment names."""

from __future__ import annotations

import os
from typing import Any

from edge.errors import MissingExtraError, WrongUseError
from edge.system.native_logs import quiet_stderr


def import_keras() -> Any:
    """Import Keras on the backend that the variable `KERAS_BACKEND` names, `tensorflow` by default.

    Raises:
        MissingExtraError: Keras or its backend is not installed.
        WrongUseError: `KERAS_BACKEND` does not name a backend of Keras.
    """
    # TensorFlow's start-up messages about its build would drown a command's own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():
            import keras
    except ImportError as error:
        if error.name in ("torch", "jax"):
            raise WrongUseError(
                f"KERAS_BACKEND is {error.name}, which is not installed here: pip install {error.name}"
            ) from error
        raise MissingExtraError("train", error.name or "keras") from error
    except ValueError as error:
        backend = os.environ.get("KERAS_BACKEND")
        raise WrongUseError(f"KERAS_BACKEND is {backend!r}: expected tensorflow, jax or torch") from error
    return keras
