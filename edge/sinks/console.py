"""The sink `console`: one line for people to read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from edge.sinks.files.text_sink import TextSink
from edge.sinks.sink_uri import SinkUri
from edge.types import Aggregate, Event, Message

_STATE_SIGNS = {"started": "+", "changed": "~", "ended": "-", "frame": " "}
#: Returns to the start of the line and clears it, for a progress bar may be there.
_CLEAR_LINE = "\r\x1b[K"


class ConsoleSink(TextSink):
    """Prints time, face, expression, score and latency on standard output, and changes of the source's state."""

    usage = "console"
    options = ()

    def __init__(self) -> None:
        super().__init__(None)
        self._prefix = _CLEAR_LINE if sys.stdout.isatty() else ""
        #: Of the column with the name of the camera; 0 for none.
        self._width = 0

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], ConsoleSink]:
        """See `Sink.prepare`."""
        if uri.target:
            raise uri.invalid_target(cls.usage)
        return cls

    def set_cameras(self, names: Sequence[str]) -> None:
        """Begin each line with the name of the camera, where cameras have names."""
        self._width = max(map(len, names), default=0)

    def write(self, message: Message) -> None:
        """Print one line."""
        camera = f"{message.source:<{self._width}}  " if self._width else ""
        self._lines.write(f"{self._prefix}{message.time.astimezone():%H:%M:%S}  {camera}{_as_text(message)}\n")


def _as_text(message: Message) -> str:
    if isinstance(message, Aggregate):
        ranked = sorted(message.shares.items(), key=lambda pair: -pair[1])
        shares = ", ".join(f"{label} {share:.0%}" for label, share in ranked if share >= 0.005)
        return f"= {message.faces} faces in {message.seconds:.0f} s: {shares}"
    if not isinstance(message, Event):
        return f"! {message.source} is {message.state}" + (f": {message.reason}" if message.reason else "")
    x, y, w, h = (round(v) for v in message.box)
    return (
        f"{_STATE_SIGNS[message.state]} face {message.track_id:<3} {message.emotion:<9}{message.score:>5.0%}  "
        f"at {x},{y} {w}x{h}  {message.latency_ms['total']:6.1f} ms"
    )
