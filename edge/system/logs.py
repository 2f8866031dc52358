"""The daemon's log: one line a message, on standard error."""

from __future__ import annotations

import logging
import time

from edge.system.untrusted_text import one_line

#: A problem that persists is logged once in this interval.
INTERVAL_S = 60.0


def configure() -> None:
    """Write log messages as lines such as `mien: warning: sink jsonl:x: No space left on device`.

    The lines have no time of day: the journal adds it. A standard error that is closed never causes a traceback.
    """
    logging.raiseExceptions = False
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    root = logging.getLogger("edge")
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Format a record as `mien: LEVEL: message`; the level is left out for information."""
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        return f"mien: {level}{one_line(record.getMessage())}"


class RateLimitedLogger:
    """Logs at most one warning a minute, so that a problem in every frame does not fill the log; counts the others.

    Args:
        logger: the logger of the module that reports the problem.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger, self._logged_s, self._suppressed = logger, -INTERVAL_S, 0

    def warning(self, text: str) -> bool:
        """Log a warning unless one was logged within the last minute; return whether it was logged."""
        now_s = time.monotonic()
        if now_s - self._logged_s < INTERVAL_S:
            self._suppressed += 1
            return False
        counted = f" ({self._suppressed} similar warnings before it were not logged)" if self._suppressed else ""
        self._logged_s, self._suppressed = now_s, 0
        self._logger.warning("%s%s", text, counted)
        return True
