"""What the daemon says of itself: one line each, on standard error."""

from __future__ import annotations

import logging
import time

#: A trouble that goes on is told so often.
INTERVAL_S = 60.0


def configure() -> None:
    """Let log messages appear as lines such as `mien: warning: sink jsonl:x: No space left on device`.

    Without the time of day, which the journal knows; and never as a traceback where standard error is gone.
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
        """`mien: LEVEL: message`; what is merely worth knowing goes without its level."""
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        return f"mien: {level}{' '.join(record.getMessage().splitlines())}"


class Seldom:
    """Logs warnings, but one a minute at most.

    Args:
        logger: of the module whose trouble it is.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger, self._logged_s = logger, -INTERVAL_S

    def warning(self, text: str) -> bool:
        """Log a line, if none was logged in the last minute; says whether it was."""
        now_s = time.monotonic()
        if now_s - self._logged_s < INTERVAL_S:
            return False
        self._logged_s = now_s
        self._logger.warning("%s", text)
        return True
