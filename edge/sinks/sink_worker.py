"""One sink behind a bounded queue, in a thread of its own, so that the loop never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from edge.errors import MienError, SinkError, first_line
from edge.sinks.protocols import FrameSink, ModelSink, Sink, WindowSink
from edge.system.logs import RateLimitedLogger
from edge.types import FrameReport, Message

logger = logging.getLogger(__name__)

#: Messages that wait for a sink at most: half a minute at 30 a second, some 3 MB.
CAPACITY = 1000
#: Between attempts: doubles from the first to the last.
FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.25, 5.0
#: Of the time for closing, this much is left for the sink's own goodbye.
_GOODBYE_S = 0.5
_REPORTS = 100
_TRIES_DESPITE_A_BUG = 3


@dataclass(frozen=True)
class Counts:
    """What became of the messages: `received == delivered + dropped + queued`, at all times.

    Attributes:
        received: handed to the outlet.
        delivered: the sink has them: written, or acknowledged.
        dropped: gone, because the queue was full, or the time for closing over.
        queued: waiting, those in the sink's hands among them.
        failures: attempts that failed.
    """

    received: int
    delivered: int
    dropped: int
    queued: int
    failures: int


class SinkWorker:
    """Takes messages at once, and gives them to a sink in their order, as fast as that takes them.

    A message that the sink fails to take is tried again, after a quarter of a second, then twice as long each time,
    5 s at most; where it is no disk or network that fails but a bug, three times in all. When the queue is full the
    oldest waiting message goes; those in the sink's hands stay, for they may have arrived.

    Args:
        sink: is entered already; the outlet closes it.
        name: for logs and metrics.
        capacity: how many messages wait at most.
        patient: `put` waits for room as long as the sink does not fail: for clips and folders, which lose nothing.
    """

    def __init__(self, sink: Sink, name: str, capacity: int = CAPACITY, patient: bool = False) -> None:
        self.sink, self.name = sink, name
        self._capacity, self._patient = capacity, patient
        self._window = sink.window if isinstance(sink, WindowSink) else 1
        self._frame_sink = sink if isinstance(sink, FrameSink) else None
        self._waiting: deque[Message] = deque()
        self._in_hand: list[Message] = []
        self._reports: deque[FrameReport] = deque(maxlen=_REPORTS)
        self._received = self._delivered = self._dropped = self._failures = 0
        self._failing = self._reader_gone = self._over = False
        #: When to give up, by the monotonic clock; None while nobody closes.
        self._deadline_s: float | None = None
        self._changed = threading.Condition()
        self._seldom = RateLimitedLogger(logger)
        self._last_error = ""
        self._told_drops = self._undelivered = self._bugs = 0
        self._told_failure = False
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Take one message. Never raises, and never waits for a sink that fails."""
        with self._changed:
            while self._patient and self._queued >= self._capacity and not (self._failing or self._closing):
                self._changed.wait(1)
            self._received += 1
            if self._over:
                self._dropped += 1
                return
            self._waiting.append(message)
            if self._queued > self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.notify_all()

    def frame(self, report: FrameReport) -> None:
        """Take what one frame took, if the sink wants to know; the oldest is forgotten where nobody comes for it."""
        if self._frame_sink is not None:
            with self._changed:
                self._reports.append(report)
                self._changed.notify_all()

    def model(self, identity: str) -> None:
        """Tell the sink which model answers, if it wants to know; at once, for that only takes note of it."""
        if isinstance(self.sink, ModelSink):
            self.sink.model(identity)

    @property
    def counts(self) -> Counts:
        """The counts of this moment."""
        with self._changed:
            return Counts(self._received, self._delivered, self._dropped, self._queued, self._failures)

    @property
    def reader_gone(self) -> bool:
        """Whoever read standard output is gone (`mien run | head`): nothing will ever be delivered again."""
        return self._reader_gone

    def start_closing(self, deadline_s: float) -> None:
        """Let the sink take what waits until `deadline_s` of the monotonic clock, then close it; returns at once."""
        with self._changed:
            self._deadline_s = deadline_s
            self._changed.notify_all()

    def close(self, deadline_s: float) -> int:
        """Let the sink take what waits until `deadline_s` of the monotonic clock, and close it.

        Returns:
            How many messages could not be delivered; they are counted as dropped.
        """
        self.start_closing(deadline_s)
        self._thread.join(max(deadline_s - time.monotonic(), 0))
        return self._end()

    @property
    def last_error(self) -> str:
        """Why the last attempt failed; empty where it did not."""
        return self._last_error

    @property
    def _queued(self) -> int:
        return len(self._in_hand) + len(self._waiting)

    @property
    def _closing(self) -> bool:
        return self._deadline_s is not None

    def _run(self) -> None:
        backoff_s = 0.0
        while self._wait_for_work(backoff_s):
            try:
                self._work()
                backoff_s = 0.0
            except BrokenPipeError:
                self._reader_gone = True
                break
            # Whatever a sink raises: it must not end the run, nor the other sinks.
            except Exception as error:
                backoff_s = min(max(2 * backoff_s, FIRST_BACKOFF_S), LAST_BACKOFF_S)
                self._failed(error)
        self._end()
        try:
            self.sink.__exit__(None, None, None)
        except Exception as error:
            logger.warning("sink %s: %s", self.name, _said(error))

    def _wait_for_work(self, backoff_s: float) -> bool:
        """Wait until there is something to do after `backoff_s`; False once there never will be."""
        with self._changed:
            if backoff_s:
                self._changed.wait_for(lambda: self._closing, backoff_s)
            if backoff_s and self._closing:
                # There is no time for long pauses.
                self._changed.wait_for(lambda: False, min(FIRST_BACKOFF_S, self._left_s()))
            self._changed.wait_for(lambda: self._queued or self._reports or self._closing)
            if self._over or (self._closing and (not self._queued or self._left_s() <= 0)):
                return False
            while self._waiting and len(self._in_hand) < self._window:
                self._in_hand.append(self._waiting.popleft())
            return True

    def _left_s(self) -> float:
        assert self._deadline_s is not None
        return max(self._deadline_s - _GOODBYE_S - time.monotonic(), 0)

    def _work(self) -> None:
        """Hand over what is there, outside of the lock: this may take long."""
        while self._frame_sink is not None and self._reports:
            self._frame_sink.frame(self._reports.popleft())
        if not self._in_hand:
            return
        taken = self._hand_over()
        with self._changed:
            if self._over:
                # Too late: they are counted as dropped already.
                return
            del self._in_hand[:taken]
            self._delivered += taken
            if taken:
                failed_before, self._failing, self._last_error = self._failing, False, ""
            self._changed.notify_all()
        if taken:
            self._succeeded(failed_before)

    def _hand_over(self) -> int:
        """How many of those in hand the sink has taken for good."""
        if isinstance(self.sink, WindowSink):
            return self.sink.write_window(self._in_hand)
        try:
            self.sink.write(self._in_hand[0])
        except (SinkError, OSError):
            raise
        except Exception:
            # A bug that this message has met: it must not hold up the others for ever.
            self._bugs += 1
            if self._bugs == _TRIES_DESPITE_A_BUG:
                self._bugs = 0
                with self._changed:
                    self._dropped += len(self._in_hand)
                    self._in_hand = []
            raise
        self._bugs = 0
        return 1

    def _end(self) -> int:
        """Count what is left as dropped; how many were."""
        with self._changed:
            if not self._over:
                self._over = True
                self._undelivered = self._queued
                self._dropped += self._queued
                self._in_hand, self._waiting = [], deque()
                self._changed.notify_all()
            return self._undelivered

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._failures += 1
            self._failing, self._last_error = True, _said(error)
            self._changed.notify_all()
        counts = self.counts
        if self._log(
            f"{self._last_error} (failed attempts: {counts.failures}, messages waiting: {counts.queued}, dropped: "
            f"{counts.dropped}); trying again"
        ):
            self._told_failure = True

    def _succeeded(self, failed_before: bool) -> None:
        if failed_before and self._told_failure:
            self._told_failure = False
            logger.info("sink %s: works again", self.name)
        dropped = self._dropped
        if dropped > self._told_drops and self._log(f"{dropped} messages dropped so far: it is slower than they come"):
            self._told_drops = dropped

    def _log(self, text: str) -> bool:
        """Log a warning, but once a minute only; says whether it was logged."""
        return self._seldom.warning(f"sink {self.name}: {text}")


def _said(error: Exception) -> str:
    """In one line; of an error that is not ours, its kind too."""
    return first_line(error) if isinstance(error, MienError) else f"{type(error).__name__}: {first_line(error)}"
