"""The import of PyTorch and LiteRT Torch: only when a conversion needs them, and without their log lines."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from edge.errors import MissingExtraError
from edge.system.native_logs import quiet_stderr

EXTRA = "pytorch"


def import_torch() -> Any:
    """Import PyTorch.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(EXTRA, error.name or "torch") from error
    return torch


def import_litert_torch() -> Any:
    """Import LiteRT Torch.

    Raises:
        MissingExtraError: it, or something that it needs, is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import litert_torch
    except ImportError as error:
        raise MissingExtraError(EXTRA, error.name or "litert_torch") from error
    for name in ("litert_torch", "torch.export", "torchao", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return litert_torch


def import_onnx() -> tuple[Any, Any]:
    """Import ONNX and ONNX Runtime.

    Raises:
        MissingExtraError: one of them is not installed.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(EXTRA, error.name or "onnxruntime") from error
    return onnx, onnxruntime
