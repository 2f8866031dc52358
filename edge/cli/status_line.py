"""One line at the bottom of the terminal that states how a run is going, while no sink writes there."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edge.service.daemon import Daemon
from edge.system.untrusted_text import printable

INTERVAL_S = 1.0
#: ANSI: back to the first column, and erase the line.
_ERASE = "\r\x1b[2K"


class StatusLine(logging.Handler):
    """Rewrites its line in place; a handler of log messages, so that it is erased before one is written.

    Args:
        daemon: the run.
    """

    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self._daemon, self._is_shown = daemon, False
        self._begin_s = time.monotonic()
        #: Name of the camera to the frames and faces at the last update.
        self._counts: dict[str, tuple[int, int]] = {}

    def update(self) -> None:
        """Write the line again if a second has passed."""
        seconds = time.monotonic() - self._begin_s
        if seconds < INTERVAL_S:
            return
        self._begin_s += seconds
        counts, parts = self._daemon.pipelines.counts, []
        for name, (frames, faces) in counts.items():
            frames_before, faces_before = self._counts.get(name, (0, 0))
            frames, faces = frames - frames_before, faces - faces_before
            in_view = round(faces / frames) if frames else 0
            fps = f"{frames / seconds:.1f} frames/s"
            parts += [f"{name} {fps}" if name else fps, f"{in_view} face{'' if in_view == 1 else 's'}"]
        self._counts = counts
        parts += [f"{printable(name)}: {state}" for name, state in self._daemon.sink_states()]
        width = shutil.get_terminal_size().columns - 1
        # Whatever else is written begins in the first column.
        sys.stderr.write(f"{_ERASE}{', '.join(parts)[:width]}\r")
        sys.stderr.flush()
        self._is_shown = True

    def erase(self) -> None:
        """Erase the line."""
        if self._is_shown:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()
            self._is_shown = False

    def emit(self, record: logging.LogRecord) -> None:
        """Make room for a message that another handler writes."""
        del record
        self.erase()


@contextmanager
def status_line(daemon: Daemon) -> Iterator[StatusLine]:
    """Show the status line during a block; yields it."""
    line, logger = StatusLine(daemon), logging.getLogger("edge")
    # Before the handler that writes the message.
    logger.handlers.insert(0, line)
    try:
        yield line
    finally:
        logger.removeHandler(line)
        line.erase()
