"""The daemon's log: one line a message, on standard error."""

from __future__ import annotations

import logging
import time

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
        return f"mien: {level}{' '.join(record.getMessage().splitlines())}"


class RateLimitedLogger:
    """Logs at most one warning a minute, so that a problem in every frame does not fill the log.

    Args:
        logger: the logger of the module that reports the problem.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger, self._logged_s = logger, -INTERVAL_S

    def warning(self, text: str) -> bool:
        """Log a warning unless one was logged within the last minute; return whether it was logged."""
        now_s = time.monotonic()
        if now_s - self._logged_s < INTERVAL_S:
            return False
        self._logged_s = now_s
        self._logger.warning("%s", text)
        return True
