"""`console`: a line a person reads."""

from __future__ import annotations

import sys

from edge.sinks.files.text_sink import TextSink
from edge.types import Aggregate, Event, Message

_MARK = {"started": "+", "changed": "~", "ended": "-", "frame": " "}
#: Back to the line's start, and clear it: a progress bar may stand there.
_CLEAR_LINE = "\r\x1b[K"


class ConsoleSink(TextSink):
    """Time, face, expression, score and latency, on standard output; and what happens to the source."""

    def __init__(self) -> None:
        super().__init__(None)
        self._prefix = _CLEAR_LINE if sys.stdout.isatty() else ""

    def write(self, message: Message) -> None:
        """Print one line."""
        self._lines.write(f"{self._prefix}{message.time.astimezone():%H:%M:%S}  {_said(message)}\n")


def _said(message: Message) -> str:
    if isinstance(message, Aggregate):
        ranked = sorted(message.shares.items(), key=lambda pair: -pair[1])
        shares = ", ".join(f"{label} {share:.0%}" for label, share in ranked if share >= 0.005)
        return f"= {message.faces} faces in {message.seconds:.0f} s: {shares}"
    if not isinstance(message, Event):
        return f"! {message.source} is {message.state}" + (f": {message.reason}" if message.reason else "")
    x, y, w, h = (round(v) for v in message.box)
    return (
        f"{_MARK[message.state]} face {message.track_id:<3} {message.emotion:<9}{message.score:>5.0%}  "
        f"at {x},{y} {w}x{h}  {message.latency_ms['total']:6.1f} ms"
    )
