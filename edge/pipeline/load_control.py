"""Load control: keeps a run within a frame rate and a share of the processor, on a board that is too slow for it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.pipeline.degradation import DegradationLevel
from edge.system.cpu import cpu_s
from edge.system.logs import RateLimitedLogger

logger = logging.getLogger(__name__)

#: Load is measured over this time and at least this number of frames before the level changes.
WINDOW_S, WINDOW_FRAMES = 2.0, 3
#: The level is lowered only while less than this share of the limit is needed: one level up may cost half as much
#: again.
HEADROOM = 0.65
#: There must have been headroom for this long before the level is lowered; the time doubles after each time that
#: this was too early, so that the level does not oscillate.
PATIENCE_S, MAX_PATIENCE_S = 10.0, 640.0


@dataclass(frozen=True)
class LoadControlReport:
    """What load control did.

    Attributes:
        target_fps, max_cpu_percent: the limits.
        changes: number of level changes.
        level: the current degradation level.
        highest_level: the most degraded level so far.
        frames_skipped: frames that were not processed to save time.
    """

    target_fps: float | None
    max_cpu_percent: float | None
    changes: int
    level: str
    highest_level: str
    frames_skipped: int


class LoadControl:
    """Raises the degradation level while too much is needed, and lowers it while there is headroom.

    Several cameras share one: their level is the same, and frames are skipped evenly.

    Args:
        levels: see `edge.pipeline.degradation`.
        target_fps: frames per second of each camera that the loop should be able to process, whether or not the source
            gives them.
        max_cpu_percent: share of one core to use at most; 100 is a whole core.
        clock: returns a time in seconds.
        cpu: returns the CPU time used so far, in seconds.

    Attributes:
        cameras: how many share it.
        skipped: name of the source to the number of its frames that `admits` did not admit.
    """

    def __init__(
        self,
        levels: Sequence[DegradationLevel] = (DegradationLevel(),),
        target_fps: float | None = None,
        max_cpu_percent: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = cpu_s,
    ) -> None:
        self._levels, self._target_fps, self._max_cpu_percent = levels, target_fps, max_cpu_percent
        self._clock, self._cpu = clock, cpu
        self.cameras = 1
        self.skipped = Counter[str]()
        self._offered = Counter[str]()
        self._index = self._highest = self._changes = 0
        self._rate_limited = RateLimitedLogger(logger)
        self._patience_s = PATIENCE_S
        #: Since when there has been headroom, and when the level was last lowered.
        self._headroom_since_s: float | None = None
        self._lowered_s: float | None = None
        self._frame_s = 0.0
        self._start_window()

    @property
    def level(self) -> DegradationLevel:
        """The current level."""
        return self._levels[self._index]

    def admits(self, source: str = "") -> bool:
        """Return whether the next frame of a source is to be processed; then call `frame_done` after it."""
        self._frame_s = self._clock()
        self._offered[source] += 1
        if self._offered[source] % self.level.keep_one_of:
            self.skipped[source] += 1
            return False
        return True

    def frame_done(self) -> None:
        """Measure the frame that was processed, and adjust the level where a window of measurement is over."""
        if self._target_fps is None and self._max_cpu_percent is None:
            return
        now_s = self._clock()
        self._busy_s += now_s - self._frame_s
        self._frames += 1
        if now_s - self._window_s >= WINDOW_S and self._frames >= WINDOW_FRAMES:
            self._adjust(now_s)
            self._start_window()

    def report(self) -> LoadControlReport | None:
        """Return what load control did; None where there is no limit."""
        if self._target_fps is None and self._max_cpu_percent is None:
            return None
        level, highest = str(self.level), str(self._levels[self._highest])
        return LoadControlReport(
            self._target_fps, self._max_cpu_percent, self._changes, level, highest, self.skipped.total()
        )

    def _start_window(self) -> None:
        self._window_s, self._window_cpu_s = self._clock(), self._cpu()
        self._busy_s, self._frames = 0.0, 0

    def _adjust(self, now_s: float) -> None:
        """Compare what the last window needed with the limits; a load of 1 is exactly the limit."""
        fps = self._frames / max(self._busy_s, 1e-6) / self.cameras
        fps_load = 0.0 if self._target_fps is None else self._target_fps / fps
        # A capture process that was replaced takes its CPU time with it, so the difference may be negative.
        percent = max(0.0, 100 * (self._cpu() - self._window_cpu_s) / (now_s - self._window_s))
        cpu_load = 0.0 if self._max_cpu_percent is None else percent / self._max_cpu_percent
        measured = []
        if fps_load:
            of_each = f" for each of {self.cameras} cameras" if self.cameras > 1 else ""
            measured.append(f"{fps:.1f} frames per second possible{of_each}, target {self._target_fps:g}")
        if self._max_cpu_percent is not None:
            measured.append(f"{percent:.0f} % of a core used, limit {self._max_cpu_percent:g}")
        if max(fps_load, cpu_load) > 1:
            self._degrade(now_s, cpu_load > 1, "; ".join(measured))
        elif max(fps_load, cpu_load) < HEADROOM:
            self._recover(now_s, "; ".join(measured))
        else:
            self._headroom_since_s = None

    def _degrade(self, now_s: float, cpu_limited: bool, measured: str) -> None:
        """Raise the level. Frames are skipped for the CPU limit only: skipping makes no frame faster."""
        self._headroom_since_s = None
        if self._lowered_s is not None and now_s - self._lowered_s <= self._patience_s:
            self._patience_s = min(2 * self._patience_s, MAX_PATIENCE_S)
        self._lowered_s = None
        next_ = self._index + 1
        if next_ < len(self._levels) and (cpu_limited or self._levels[next_].keep_one_of == 1):
            self._set_level(next_, measured)
        else:
            self._rate_limited.warning(f"{measured}: no cheaper degradation level is left")

    def _recover(self, now_s: float, measured: str) -> None:
        """Lower the level, where there has been headroom for long enough."""
        if self._lowered_s is not None and now_s - self._lowered_s > self._patience_s:
            # Lowering it last time was right.
            self._patience_s, self._lowered_s = PATIENCE_S, None
        if self._headroom_since_s is None:
            self._headroom_since_s = now_s
        if self._index > 0 and now_s - self._headroom_since_s >= self._patience_s:
            self._headroom_since_s, self._lowered_s = None, now_s
            self._set_level(self._index - 1, measured)

    def _set_level(self, index: int, measured: str) -> None:
        self._index = index
        self._highest = max(self._highest, index)
        self._changes += 1
        logger.info("load control: %s: %s", measured, self.level)
