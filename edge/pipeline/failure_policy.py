"""What happens when frames cannot be processed: one is skipped, nothing but failures ends the run."""

from __future__ import annotations

import logging
import time

from edge.errors import FrameError, first_line
from edge.pipeline.statistics import RunStatistics
from edge.system.logs import RateLimitedLogger

#: Where every frame has failed for this long, the fault is permanent and the run ends.
MAX_FAILING_S = 30.0


class FailurePolicy:
    """Counts frames that failed, logs them, and ends the run where all fail.

    Args:
        logger: where failures are logged, at most once a minute.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = RateLimitedLogger(logger)
        self._failing_since_s: float | None = None
        self._error = ""

    def add(self, error: Exception, statistics: RunStatistics) -> None:
        """Count a frame that failed.

        Raises:
            FrameError: all frames have failed for `MAX_FAILING_S`.
        """
        now_s = time.monotonic()
        statistics.failed += 1
        self._error = f"{type(error).__name__}: {first_line(error)}"
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        elif now_s - self._failing_since_s > MAX_FAILING_S:
            raise FrameError(f"no frame could be processed for {MAX_FAILING_S:.0f} s: {self._error}") from error
        self._logger.warning(f"frame skipped, {statistics.failed} so far: {self._error}")

    def reset(self) -> None:
        """Register that a frame was processed."""
        self._failing_since_s = None

    def check(self, statistics: RunStatistics) -> None:
        """Check a run that has ended.

        Raises:
            FrameError: there were frames, and none of them could be processed.
        """
        if self._failing_since_s is not None and not statistics.processed:
            raise FrameError(f"none of {statistics.failed} frames could be processed: {self._error}")
