"""All sinks of a run, as the loop sees them: one object."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from edge.errors import WrongUseError
from edge.sinks.message_queue import DeliveryCounts, MessageQueue
from edge.sinks.prepared_sink import PreparedSink
from edge.sinks.sink_worker import SinkWorker
from edge.types import FrameReport, Message

logger = logging.getLogger(__name__)

#: The time for closing all sinks: after SIGTERM a run ends within 5 s, the last frame and the report included.
CLOSE_S = 4.5
#: The time in which a sink that is opened again with other options may write what waits; the next one writes the rest.
HAND_OVER_S = 1.0


class SinkGroup:
    """Passes every message to every sink's worker; a context manager that closes them.

    Args:
        workers: one for each sink; more come with `exchange`.
    """

    def __init__(self, workers: Sequence[SinkWorker] = ()) -> None:
        self._workers = tuple(workers)
        #: What the workers' sinks were opened from, by name.
        self._prepared: dict[str, PreparedSink] = {}
        #: The queues of sinks that were closed, and why they have messages left, by name.
        self._former: dict[str, tuple[MessageQueue, str]] = {}
        self._undelivered, self._is_closed = 0, False
        self._deadline_s: float | None = None

    def exchange(self, sinks: Sequence[PreparedSink], block_when_full: bool = False) -> None:
        """Have these sinks open and no others.

        A sink that is open and has not changed stays open. One of which only options or their files have changed is
        closed and opened again, and then writes what its predecessor could not deliver. A sink that is not among
        `sinks` is given CLOSE_S to write what waits. If a sink cannot be opened, those that were closed are no longer
        open; their messages are kept until the next exchange, which may open them again.

        Args:
            sinks: those to have open.
            block_when_full: let `put` wait while a queue is full; see `SinkWorker`.

        Raises:
            WrongUseError: a sink is named twice.
            SinkError: a sink can never be written to.
        """
        names = [sink.name for sink in sinks]
        for name in names:
            if names.count(name) > 1:
                raise WrongUseError(f"sink {name} is given twice: expected each once")
        kept = {worker.name: worker for worker in self._workers if self._prepared.get(worker.name) in sinks}
        self._close_others(kept, names)
        with ExitStack() as stack:
            opened = {sink.name: stack.enter_context(sink.open()) for sink in sinks if sink.name not in kept}
            # From here on the workers close them.
            stack.pop_all()
        for sink in sinks:
            if sink.name in opened:
                queue, _ = self._former.pop(sink.name, (None, ""))
                kept[sink.name] = SinkWorker(
                    opened[sink.name], sink.name, sink.capacity, block_when_full, queue, sink.filter
                )
            kept[sink.name].block_when_full = block_when_full
        self._workers = tuple(kept[name] for name in names)
        self._prepared = {sink.name: sink for sink in sinks}
        self._watch()
        self._drop_what_is_left()

    def _close_others(self, kept: Iterable[str], names: Sequence[str]) -> None:
        """Close the workers that are not among `kept`, in parallel, and keep their queues."""
        others = [worker for worker in self._workers if worker.name not in kept]
        self._workers = tuple(worker for worker in self._workers if worker.name in kept)
        self._watch()
        begin_s = time.monotonic()
        for worker in others:
            worker.start_handing_over(begin_s + (HAND_OVER_S if worker.name in names else CLOSE_S))
        for worker in others:
            self._former[worker.name] = worker.hand_over(begin_s + CLOSE_S), _reason(worker)

    def _watch(self) -> None:
        for worker in self._workers:
            worker.sink.watch(self._workers)

    def _drop_what_is_left(self) -> None:
        """Count the messages of sinks that are closed for good as dropped."""
        for name, (queue, reason) in self._former.items():
            self._note_lost(name, queue.close(), reason)

    def _note_lost(self, name: str, lost: int, reason: str) -> None:
        self._undelivered += lost
        if lost and reason:
            logger.error("sink %s: %d messages could not be delivered: %s", name, lost, reason)

    def put(self, message: Message) -> None:
        """Pass on one message. Never raises; waits only if the workers block when their queues are full."""
        for worker in self._workers:
            worker.put(message)

    def put_frame(self, report: FrameReport) -> None:
        """Pass on the report on one frame. Never raises, never waits."""
        for worker in self._workers:
            worker.put_frame(report)

    def set_model(self, identity: str, labels: Sequence[str]) -> None:
        """Pass on the identity of the model that is used from now on, such as `mien-small-int8@2`, and its labels."""
        for worker in self._workers:
            worker.set_model(identity, labels)

    def set_cameras(self, names: Sequence[str]) -> None:
        """Pass on the names of the cameras; none where there is one without a name."""
        for worker in self._workers:
            worker.sink.set_cameras(names)

    def __iter__(self) -> Iterator[SinkWorker]:
        return iter(self._workers)

    @property
    def counts(self) -> dict[str, DeliveryCounts]:
        """The counts of each sink, by the sink's name, those of sinks that were closed by `exchange` included."""
        former = {name: queue.counts for name, (queue, _) in self._former.items()}
        return {worker.name: worker.counts for worker in self._workers} | former

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
            self._note_lost(worker.name, worker.close(self._deadline_s), _reason(worker))
        self._drop_what_is_left()
        return self._undelivered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _reason(worker: SinkWorker) -> str:
    """Return why a worker may have messages left; empty for a user who pipes into `head` and knows it."""
    return "" if worker.reader_gone else worker.last_error or "it was too slow"
