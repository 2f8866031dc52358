"""The rate of processed and of dropped frames."""

from __future__ import annotations

import time
from collections.abc import Callable

_WINDOW_S = 1.0


class FrameRate:
    """Frames per second, averaged over at least one second.

    Args:
        now_s: returns the monotonic time.

    Attributes:
        fps: frames processed per second.
        dropped_fps: frames dropped per second.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.fps = self.dropped_fps = 0.0
        self._now_s = now_s
        self._begin_s = now_s()
        self._frames = self._dropped = 0

    def add(self, dropped: int) -> None:
        """Count one processed frame, and those that were dropped since the last one."""
        self._frames += 1
        self._dropped += dropped
        seconds = self._now_s() - self._begin_s
        if seconds >= _WINDOW_S:
            self.fps, self.dropped_fps = self._frames / seconds, self._dropped / seconds
            self._begin_s += seconds
            self._frames = self._dropped = 0
