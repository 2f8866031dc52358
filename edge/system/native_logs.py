"""Controls what native libraries write to the terminal on their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

#: Read by OpenCV when it is first imported: its own log level, and FFmpeg's (AV_LOG_QUIET).
_OPENCV = {"OPENCV_LOG_LEVEL": "ERROR", "OPENCV_FFMPEG_LOGLEVEL": "-8"}


def quiet_native_logs(environment: MutableMapping[str, str] = os.environ) -> None:
    """Silence OpenCV's and FFmpeg's log, unless the environment sets a level already.

    A camera or clip that cannot be opened is then one line in mien's words, in place of ten lines of OpenCV's. The
    entry points of mien's own processes call this before `cv2` is imported; the library never does, so that a program
    that imports mien keeps its own settings.

    Args:
        environment: the environment to change.
    """
    for name, value in _OPENCV.items():
        environment.setdefault(name, value)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2 inside the block.

    C++ libraries write there, past Python's own streams. Use it for a short call into a library that reports its errors
    as exceptions.
    """
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
