"""The sink `sqlite:PATH`: a history of what faces showed, which `mien history` reads.

Option: `keep=30d`, how long events are kept; without it, for ever. Older ones are deleted while mien runs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge.history import HistoryRecorder
from edge.sinks.sink import Sink
from edge.sinks.sink_uri import SinkUri
from edge.types import Event, Message, SourceEvent

logger = logging.getLogger(__name__)

_DAY_S = 86400.0
_SHORTEST_KEEP_S, _LONGEST_KEEP_S = 3600.0, 3650 * _DAY_S
#: The pause between two deletions, where there is more to delete and where there is not.
_SHORT_PAUSE_S, _LONG_PAUSE_S = 1.0, 60.0


class HistorySink(Sink):
    """Writes how long each face was present and what it showed, and each change of expression.

    The messages that wait are written in one transaction, up to `window` of them.

    Args:
        path: of the SQLite file.
        keep_s: how long events are kept, in seconds; None for ever.
        clock: returns seconds since 1970.

    Raises:
        SinkError: the file can never be written to, or is no history.
    """

    usage = "sqlite:PATH"
    options = ("keep",)
    window = 100

    def __init__(self, path: Path, keep_s: float | None = None, clock: Callable[[], float] = time.time) -> None:
        self._recorder = HistoryRecorder(path)
        self._keep_s, self._clock = keep_s, clock
        #: Old events are deleted also while no face comes.
        self.wants_frames = keep_s is not None
        self._deletion_due_s = 0.0
        self._has_warned = False

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], HistorySink]:
        """See `Sink.prepare`; the file is not opened yet."""
        if not uri.target:
            raise uri.invalid_target(cls.usage)
        keep_s = uri.duration_s("keep", 0.0, _SHORTEST_KEEP_S, _LONGEST_KEEP_S)
        return partial(cls, Path(uri.target), keep_s or None)

    def write(self, message: Message) -> None:
        """Write one message."""
        self.write_window([message])

    def write_window(self, messages: Sequence[Message]) -> int:
        """Write all messages in one transaction, and return their number.

        Raises:
            SinkError: none of them can be written at the moment.
        """
        events = [message for message in messages if isinstance(message, Event) and message.state != "frame"]
        if events:
            self._recorder.add(events)
        if not self._has_warned and len(events) + sum(isinstance(m, SourceEvent) for m in messages) < len(messages):
            self._has_warned = True
            logger.warning(
                "the history stores neither aggregates nor events of single frames: expected mien run without "
                "--aggregate and with --emit change"
            )
        self._delete_old()
        return len(messages)

    def write_frame(self, _: object) -> None:
        """Delete old events, if it is time to."""
        self._delete_old()

    def close(self) -> None:
        """Close the file."""
        self._recorder.close()

    def _delete_old(self) -> None:
        if self._keep_s is None or time.monotonic() < self._deletion_due_s:
            return
        has_more = self._recorder.delete_before(round((self._clock() - self._keep_s) * 1000))
        self._deletion_due_s = time.monotonic() + (_SHORT_PAUSE_S if has_more else _LONG_PAUSE_S)
