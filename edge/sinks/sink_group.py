"""All sinks of a run, as one: what the loop knows of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from edge.sinks.sink_worker import Counts, SinkWorker
from edge.types import FrameReport, Message

logger = logging.getLogger(__name__)

#: For all sinks together: SIGTERM is to end a run within 5 s, the last frame and the report included.
CLOSE_S = 4.5


class SinkGroup:
    """Gives every message to every outlet; a context manager that closes them.

    Args:
        outlets: one a sink.
    """

    def __init__(self, outlets: Sequence[SinkWorker]) -> None:
        self._outlets = tuple(outlets)
        self._undelivered, self._closed = 0, False
        self._deadline_s: float | None = None

    def put(self, message: Message) -> None:
        """Take one message. Never raises; waits only where the outlets are patient."""
        for outlet in self._outlets:
            outlet.put(message)

    def frame(self, report: FrameReport) -> None:
        """Take what one frame took. Never raises, never waits."""
        for outlet in self._outlets:
            outlet.frame(report)

    def model(self, identity: str) -> None:
        """Tell which model answers from now on, such as `mien-small-int8@2`."""
        for outlet in self._outlets:
            outlet.model(identity)

    def __iter__(self) -> Iterator[SinkWorker]:
        return iter(self._outlets)

    @property
    def counts(self) -> dict[str, Counts]:
        """Of each sink, by its name."""
        return {outlet.name: outlet.counts for outlet in self._outlets}

    @property
    def reader_gone(self) -> bool:
        """Whoever read standard output is gone; a run should end."""
        return any(outlet.reader_gone for outlet in self._outlets)

    @property
    def undelivered(self) -> int:
        """How many messages were there in vain when the sinks were closed, over all sinks."""
        return self._undelivered

    def start_closing(self, timeout_s: float = CLOSE_S) -> None:
        """Let all sinks take what waits, side by side, and close, in `timeout_s` at most; returns at once."""
        self._deadline_s = time.monotonic() + timeout_s
        for outlet in self._outlets:
            outlet.start_closing(self._deadline_s)

    def close(self, timeout_s: float = CLOSE_S) -> int:
        """Wait until all sinks have taken what waits, and are closed; no longer than `timeout_s` from the start.

        Returns:
            How many messages could not be delivered, over all sinks; a line in the log says so for each.
        """
        if self._closed:
            return self._undelivered
        self._closed = True
        if self._deadline_s is None:
            self.start_closing(timeout_s)
        assert self._deadline_s is not None
        for outlet in self._outlets:
            lost = outlet.close(self._deadline_s)
            self._undelivered += lost
            # Who pipes into `head` knows.
            if lost and not outlet.reader_gone:
                why = outlet.last_error or "it was too slow"
                logger.error("sink %s: %d messages could not be delivered: %s", outlet.name, lost, why)
        return self._undelivered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
