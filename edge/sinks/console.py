"""`console`: a line a person reads."""

from __future__ import annotations

import sys

from edge.sinks.text import TextSink
from edge.types import Event

_MARK = {"started": "+", "changed": "~", "ended": "-", "frame": " "}
#: Back to the line's start, and clear it: a progress bar may stand there.
_CLEAR_LINE = "\r\x1b[K"


class ConsoleSink(TextSink):
    """Time, face, expression, score and latency, on standard output."""

    def __init__(self) -> None:
        super().__init__(None)
        self._prefix = _CLEAR_LINE if sys.stdout.isatty() else ""

    def write(self, event: Event) -> None:
        """Print one event."""
        x, y, w, h = (round(v) for v in event.box)
        self.write_text(
            f"{self._prefix}{event.time.astimezone():%H:%M:%S}  {_MARK[event.state]} face {event.track_id:<3} "
            f"{event.emotion:<9}{event.score:>5.0%}  at {x},{y} {w}x{h}  {event.latency_ms['total']:6.1f} ms\n"
        )
