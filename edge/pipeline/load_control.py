"""Holds a run to frames a second and to a share of the processor, on a board that is too weak for all of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.pipeline.degradation import DegradationLevel
from edge.system.cpu import cpu_s
from edge.system.logs import RateLimitedLogger

logger = logging.getLogger(__name__)

#: So long, and over so many frames, is measured before something is changed.
WINDOW_S, WINDOW_FRAMES = 2.0, 3
#: There is room again where less than this share of what is allowed is needed: the next rung up may cost half as much
#: again.
ROOM = 0.65
#: There must have been room for so long before something is taken back; twice as long after each time that this was too
#: early, so that it does not go to and fro.
PATIENCE_S, MAX_PATIENCE_S = 10.0, 640.0


@dataclass(frozen=True)
class LoadControlReport:
    """What a governor did.

    Attributes:
        target_fps, max_cpu_percent: what it was asked for.
        changes: how often it went up or down.
        now, most: the rung that it is on, and the last one of the degradation_levels that it needed.
        frames_left_out: to save time.
    """

    target_fps: float | None
    max_cpu_percent: float | None
    changes: int
    now: str
    most: str
    frames_left_out: int


class LoadControl:
    """Steps to cheaper degradation levels while too much is needed, and back where there is room.

    Args:
        rungs: the degradation_levels, see `edge.pipeline.degradation`.
        target_fps: so many frames a second the loop should be able to process, whether the source gives them or not.
        max_cpu_percent: so much of one core should be needed at most; 100 is a whole one.
        clock: in seconds.
        cpu: CPU time so far, in seconds.

    Attributes:
        rung: how to run now.
    """

    def __init__(
        self,
        rungs: Sequence[DegradationLevel] = (DegradationLevel(),),
        target_fps: float | None = None,
        max_cpu_percent: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = cpu_s,
    ) -> None:
        self._rungs, self._target_fps, self._max_cpu_percent = rungs, target_fps, max_cpu_percent
        self._clock, self._cpu = clock, cpu
        self._at = self._most = self._changes = self._offered = self._left_out = 0
        self._seldom = RateLimitedLogger(logger)
        self._patience_s = PATIENCE_S
        #: Since when there has been room, and when something was taken back last.
        self._room_since_s: float | None = None
        self._raised_s: float | None = None
        self._frame_s = 0.0
        self._begin()

    @property
    def rung(self) -> DegradationLevel:
        """How to run now."""
        return self._rungs[self._at]

    def admits(self) -> bool:
        """Whether the next frame is to be processed; call `spent` after it."""
        self._frame_s = self._clock()
        self._offered += 1
        if self._offered % self.rung.keep_one_of:
            self._left_out += 1
            return False
        return True

    def spent(self) -> None:
        """A frame was processed: now and then, judge what that took."""
        if self._target_fps is None and self._max_cpu_percent is None:
            return
        now_s = self._clock()
        self._busy_s += now_s - self._frame_s
        self._frames += 1
        if now_s - self._begin_s >= WINDOW_S and self._frames >= WINDOW_FRAMES:
            self._judge(now_s)
            self._begin()

    def report(self) -> LoadControlReport | None:
        """What it did; None where nothing was asked for."""
        if self._target_fps is None and self._max_cpu_percent is None:
            return None
        now, most = str(self.rung), str(self._rungs[self._most])
        return LoadControlReport(self._target_fps, self._max_cpu_percent, self._changes, now, most, self._left_out)

    def _begin(self) -> None:
        """Begin to measure anew."""
        self._begin_s, self._begin_cpu_s = self._clock(), self._cpu()
        self._busy_s, self._frames = 0.0, 0

    def _judge(self, now_s: float) -> None:
        # Of what is allowed, what is needed: 1 is just right.
        fps = self._frames / max(self._busy_s, 1e-6)
        for_fps = 0.0 if self._target_fps is None else self._target_fps / fps
        # A capture process that was replaced takes its time with it.
        percent = max(0.0, 100 * (self._cpu() - self._begin_cpu_s) / (now_s - self._begin_s))
        for_cpu = 0.0 if self._max_cpu_percent is None else percent / self._max_cpu_percent
        said = []
        if for_fps:
            said.append(f"{fps:.1f} frames a second could be processed, asked for {self._target_fps:g}")
        if self._max_cpu_percent is not None:
            said.append(f"{percent:.0f} % of a core is needed, allowed {self._max_cpu_percent:g}")
        if max(for_fps, for_cpu) > 1:
            self._lower(now_s, for_cpu > 1, "; ".join(said))
        elif max(for_fps, for_cpu) < ROOM:
            self._raise(now_s, "; ".join(said))
        else:
            self._room_since_s = None

    def _lower(self, now_s: float, for_cpu: bool, said: str) -> None:
        """One rung down; frames are left out for the processor's sake only: that makes no frame quicker."""
        self._room_since_s = None
        if self._raised_s is not None and now_s - self._raised_s <= self._patience_s:
            self._patience_s = min(2 * self._patience_s, MAX_PATIENCE_S)
        self._raised_s = None
        next_ = self._at + 1
        if next_ < len(self._rungs) and (for_cpu or self._rungs[next_].keep_one_of == 1):
            self._go(next_, said)
        else:
            self._seldom.warning(f"{said}: nothing is left to make it cheaper")

    def _raise(self, now_s: float, said: str) -> None:
        """One rung up, where there has been room for long enough."""
        if self._raised_s is not None and now_s - self._raised_s > self._patience_s:
            # It was right to go up.
            self._patience_s, self._raised_s = PATIENCE_S, None
        if self._room_since_s is None:
            self._room_since_s = now_s
        if self._at > 0 and now_s - self._room_since_s >= self._patience_s:
            self._room_since_s, self._raised_s = None, now_s
            self._go(self._at - 1, said)

    def _go(self, at: int, said: str) -> None:
        self._at = at
        self._most = max(self._most, at)
        self._changes += 1
        logger.info("%s: %s", said, self.rung)
