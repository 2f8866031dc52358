"""The import of TensorFlow: once, without its log lines, and only when a conversion needs it."""

from __future__ import annotations

import os
from typing import Any

from edge.errors import MissingExtraError
from edge.system.native_logs import quiet_stderr


def import_tensorflow() -> Any:
    """Import TensorFlow, and make it the backend of Keras.

    Returns:
        The module `tensorflow`.

    Raises:
        MissingExtraError: TensorFlow is not installed.
    """
    # The converter reads Keras models through TensorFlow, whichever backend trained them.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():
            import tensorflow
    except ImportError as error:
        raise MissingExtraError("train", error.name or "tensorflow") from error
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow
