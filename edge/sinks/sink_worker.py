"""Writes to one sink from a queue, in a thread of its own, so that the loop never waits for the sink."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

from edge.errors import MessageRejectedError, MienError, SinkError, first_line
from edge.sinks.message_filter import MessageFilter
from edge.sinks.message_queue import DeliveryCounts, MessageQueue
from edge.sinks.sink import Sink
from edge.system.backoff import FIRST_S, Backoff
from edge.system.logs import RateLimitedLogger
from edge.types import FrameReport, Message

logger = logging.getLogger(__name__)

#: How many messages may wait for a sink: half a minute at 30 messages a second, about 3 MB.
CAPACITY = 1000
#: The longest pause between two attempts to write.
LONGEST_BACKOFF_S = 5.0
#: The part of the time for closing that is left to the sink's own `close`.
_SINK_CLOSE_S = 0.5
_MAX_FRAME_REPORTS = 100
#: How often a message is tried that makes the sink raise something else than SinkError or OSError.
_ATTEMPTS_DESPITE_A_BUG = 3


class SinkWorker:
    """Accepts messages at once, and writes them to a sink in order, as fast as the sink takes them.

    A message that the sink fails to write is tried again after a quarter of a second, then after pauses that double up
    to 5 s. One that the destination rejects (`MessageRejectedError`) is dropped at once. If the failure is a bug rather
    than a disk or a network, the message is given up after three attempts. When the queue is full, the oldest waiting
    message is dropped; those in flight stay, for they may have arrived.

    Args:
        sink: the worker closes it.
        name: for logs and metrics.
        capacity: how many messages may wait.
        block_when_full: let `put` wait for room while the sink does not fail: for video files and folders, which can
            wait.
        queue: what a former worker has handed over; its messages are written first, and its counts are continued.
        message_filter: what it does not accept is neither written nor counted; None for everything.

    Attributes:
        block_when_full: as above; may be changed between two messages.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        capacity: int = CAPACITY,
        block_when_full: bool = False,
        queue: MessageQueue | None = None,
        message_filter: MessageFilter | None = None,
    ) -> None:
        self.sink, self.name = sink, name
        self.block_when_full = block_when_full
        self._filter = message_filter
        self._queue = MessageQueue(capacity) if queue is None else queue
        self._queue.restart(capacity)
        self._reports: deque[FrameReport] = deque(maxlen=_MAX_FRAME_REPORTS)
        self._bug_attempts = self._undelivered = self._rejected = 0
        self._is_failing = self._reader_gone = self._hands_over = False
        #: When to give up, by the monotonic clock; None until closing begins.
        self._deadline_s: float | None = None
        #: Guards all of the above, and is notified when they change.
        self._changed = threading.Condition()
        self._warnings = RateLimitedLogger(logger)
        self._last_error = ""
        self._logged_drops, self._logged_failure = 0, False
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Accept one message. Never raises, and never waits for a sink that fails."""
        if self._filter is not None and not self._filter.accepts(message):
            return
        with self._changed:
            while self.block_when_full and self._queue.is_full and not (self._is_failing or self._is_closing):
                self._changed.wait(1)
            self._queue.put(message)
            self._changed.notify_all()

    def put_frame(self, report: FrameReport) -> None:
        """Accept the report on one frame, if the sink wants such reports; if it is slow, the oldest report is lost."""
        if self.sink.wants_frames:
            with self._changed:
                self._reports.append(report)
                self._changed.notify_all()

    def set_model(self, identity: str, labels: Sequence[str]) -> None:
        """Pass the model's identity and labels to the sink, at once: the sink only stores them."""
        self.sink.set_labels(labels)
        self.sink.set_model(identity)

    @property
    def counts(self) -> DeliveryCounts:
        """The current counts."""
        with self._changed:
            return self._queue.counts

    @property
    def reader_gone(self) -> bool:
        """Whether the reader of standard output has gone (`mien run | head`): nothing can be delivered any more."""
        return self._reader_gone

    @property
    def last_error(self) -> str:
        """Why the last attempt to write failed; empty if it succeeded."""
        return self._last_error

    def start_closing(self, deadline_s: float) -> None:
        """Begin to close: write what waits until `deadline_s` of the monotonic clock. Returns at once."""
        with self._changed:
            self._deadline_s = deadline_s
            self._changed.notify_all()

    def close(self, deadline_s: float) -> int:
        """Write what waits until `deadline_s` of the monotonic clock, and close the sink.

        Returns:
            How many messages could not be delivered; they are counted as dropped.
        """
        self.start_closing(deadline_s)
        self._thread.join(max(deadline_s - time.monotonic(), 0))
        return self._close_queue()

    def start_handing_over(self, deadline_s: float) -> None:
        """Begin to close as `start_closing` does, but keep what cannot be delivered for `hand_over`."""
        with self._changed:
            self._hands_over = True
        self.start_closing(deadline_s)

    def hand_over(self, deadline_s: float) -> MessageQueue:
        """Wait until the sink is closed, at most until `deadline_s`, and return the queue for the next worker.

        Where the sink hangs, the messages in flight are handed over as well: they may arrive twice, and are not lost.
        """
        self._thread.join(max(deadline_s - time.monotonic(), 0))
        with self._changed:
            queue, self._queue = self._queue, MessageQueue(0)
            self._queue.close()
        return queue

    @property
    def _is_closing(self) -> bool:
        return self._deadline_s is not None

    def _run(self) -> None:
        backoff, pause_s = Backoff(LONGEST_BACKOFF_S), 0.0
        while self._wait_for_work(pause_s):
            try:
                self._work()
                backoff.reset()
                pause_s = 0.0
            # Whatever a sink raises must end neither the run nor the other sinks.
            except Exception as error:
                if isinstance(error, BrokenPipeError) and self.sink.is_standard_output:
                    self._reader_gone = True
                    break
                if isinstance(error, MessageRejectedError):
                    # The destination can be reached: the next message need not wait.
                    backoff.reset()
                    pause_s = 0.0
                    self._note_rejection(error)
                    continue
                pause_s = backoff.next_s()
                self._note_failure(error)
        if not self._hands_over:
            self._close_queue()
        try:
            self.sink.close()
        except Exception as error:
            logger.warning("sink %s: %s", self.name, _one_line(error))

    def _wait_for_work(self, pause_s: float) -> bool:
        """Wait for `pause_s`, then until there is something to do; False once there never will be."""
        with self._changed:
            if pause_s:
                self._changed.wait_for(lambda: self._is_closing, pause_s)
            if pause_s and self._is_closing:
                # There is no time for long pauses.
                self._changed.wait_for(lambda: False, min(FIRST_S, self._time_left_s()))
            self._changed.wait_for(lambda: len(self._queue) or self._reports or self._is_closing)
            if self._queue.is_closed or (self._is_closing and (not self._queue or self._time_left_s() <= 0)):
                return False
            self._queue.fill_flight(self.sink.window)
            return True

    def _time_left_s(self) -> float:
        assert self._deadline_s is not None
        return max(self._deadline_s - _SINK_CLOSE_S - time.monotonic(), 0)

    def _work(self) -> None:
        """Write what there is. The lock is not held while the sink writes, which may take long."""
        while self._reports:
            self.sink.write_frame(self._reports.popleft())
        if not self._queue.in_flight:
            return
        written = self._write()
        with self._changed:
            if self._queue.is_closed:
                # Too late: the messages are already counted as dropped, or another worker writes them.
                return
            self._queue.acknowledge(written)
            if written:
                failed_before, self._is_failing, self._last_error = self._is_failing, False, ""
            self._changed.notify_all()
        if written:
            self._note_success(failed_before)

    def _write(self) -> int:
        """Write messages in flight, and return how many of them the sink has acknowledged."""
        if self.sink.window > 1:
            return self.sink.write_window(self._queue.in_flight)
        try:
            self.sink.write(self._queue.in_flight[0])
        except (SinkError, OSError):
            raise
        except Exception:
            # A bug that this message triggers: it must not block the others for ever.
            self._bug_attempts += 1
            if self._bug_attempts == _ATTEMPTS_DESPITE_A_BUG:
                self._bug_attempts = 0
                with self._changed:
                    self._queue.drop_in_flight()
            raise
        self._bug_attempts = 0
        return 1

    def _close_queue(self) -> int:
        """Count what is left as dropped, and return how many messages that were."""
        with self._changed:
            if not self._queue.is_closed:
                self._undelivered = self._queue.close()
                self._changed.notify_all()
            return self._undelivered

    def _note_failure(self, error: Exception) -> None:
        with self._changed:
            self._queue.failures += 1
            self._is_failing, self._last_error = True, _one_line(error)
            self._changed.notify_all()
        counts = self.counts
        if self._warn(
            f"{self._last_error} (failed attempts: {counts.failures}, messages waiting: {counts.queued}, dropped: "
            f"{counts.dropped}); trying again"
        ):
            self._logged_failure = True

    def _note_rejection(self, error: MessageRejectedError) -> None:
        with self._changed:
            self._queue.drop_in_flight()
            self._queue.failures += 1
            self._rejected += 1
            # That it is dropped is logged here.
            self._logged_drops += 1
            self._is_failing, self._last_error = False, _one_line(error)
            self._changed.notify_all()
        self._warn(f"{self._last_error} (the message is dropped; rejected so far: {self._rejected})")

    def _note_success(self, failed_before: bool) -> None:
        if failed_before and self._logged_failure:
            self._logged_failure = False
            logger.info("sink %s: works again", self.name)
        dropped = self.counts.dropped
        if dropped > self._logged_drops and self._warn(
            f"{dropped} messages dropped so far: they arrive faster than it can write"
        ):
            self._logged_drops = dropped

    def _warn(self, text: str) -> bool:
        """Log a warning, at most one a minute; return whether it was logged."""
        return self._warnings.warning(f"sink {self.name}: {text}")


def _one_line(error: Exception) -> str:
    """Return the error's message in one line, with the class of an error that is not mien's own."""
    return first_line(error) if isinstance(error, MienError) else f"{type(error).__name__}: {first_line(error)}"
