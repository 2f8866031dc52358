"""All sinks of a run, as the loop sees them: one object."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from edge.sinks.message_queue import DeliveryCounts
from edge.sinks.sink_worker import SinkWorker
from edge.types import FrameReport, Message

logger = logging.getLogger(__name__)

#: The time for closing all sinks: after SIGTERM a run ends within 5 s, the last frame and the report included.
CLOSE_S = 4.5


class SinkGroup:
    """Passes every message to every sink's worker; a context manager that closes them.

    Args:
        workers: one for each sink.
    """

    def __init__(self, workers: Sequence[SinkWorker]) -> None:
        self._workers = tuple(workers)
        self._undelivered, self._is_closed = 0, False
        self._deadline_s: float | None = None

    def put(self, message: Message) -> None:
        """Pass on one message. Never raises; waits only if the workers block when their queues are full."""
        for worker in self._workers:
            worker.put(message)

    def put_frame(self, report: FrameReport) -> None:
        """Pass on the report on one frame. Never raises, never waits."""
        for worker in self._workers:
            worker.put_frame(report)

    def set_model(self, identity: str) -> None:
        """Pass on the identity of the model that is used from now on, such as `mien-small-int8@2`."""
        for worker in self._workers:
            worker.set_model(identity)

    def __iter__(self) -> Iterator[SinkWorker]:
        return iter(self._workers)

    @property
    def counts(self) -> dict[str, DeliveryCounts]:
        """The counts of each sink, by the sink's name."""
        return {worker.name: worker.counts for worker in self._workers}

    @property
    def reader_gone(self) -> bool:
        """Whether the reader of standard output has gone, so that the run should end."""
        return any(worker.reader_gone for worker in self._workers)

    @property
    def undelivered(self) -> int:
        """How many messages could not be delivered when the sinks were closed, summed over all sinks."""
        return self._undelivered

    def start_closing(self, timeout_s: float = CLOSE_S) -> None:
        """Let all sinks write what waits, in parallel, and close within `timeout_s`. Returns at once."""
        self._deadline_s = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.start_closing(self._deadline_s)

    def close(self, timeout_s: float = CLOSE_S) -> int:
        """Wait until all sinks have written what waits and are closed, for `timeout_s` from the start of the closing.

        Returns:
            How many messages could not be delivered, summed over all sinks; each sink that lost some is logged.
        """
        if self._is_closed:
            return self._undelivered
        self._is_closed = True
        if self._deadline_s is None:
            self.start_closing(timeout_s)
        assert self._deadline_s is not None
        for worker in self._workers:
            lost = worker.close(self._deadline_s)
            self._undelivered += lost
            # A user who pipes into `head` knows it.
            if lost and not worker.reader_gone:
                why = worker.last_error or "it was too slow"
                logger.error("sink %s: %d messages could not be delivered: %s", worker.name, lost, why)
        return self._undelivered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
