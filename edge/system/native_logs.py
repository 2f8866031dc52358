"""Controls what native libraries write to the terminal on their own."""

from __future__ import annotations

import os
import sys
import threading
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


class _StandardError:
    """File descriptor 2, which all threads share: the first to discard it redirects it, the last restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._saved = -1

    def discard(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)
            self._blocks += 1

    def restore(self) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                os.dup2(self._saved, 2)
                os.close(self._saved)


_STANDARD_ERROR = _StandardError()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2 inside the block, by any thread.

    C++ libraries write there, past Python's own streams. Use it for a short call into a library that reports its errors
    as exceptions. Blocks of several threads may overlap.
    """
    sys.stderr.flush()
    _STANDARD_ERROR.discard()
    try:
        yield
    finally:
        _STANDARD_ERROR.restore()
