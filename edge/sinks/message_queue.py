"""A bounded queue of messages that counts how many are delivered and dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge.types import Message


@dataclass(frozen=True)
class DeliveryCounts:
    """Counts of messages: `received == delivered + dropped + queued`, at all times.

    Attributes:
        received: handed to the worker.
        delivered: written, or acknowledged.
        dropped: lost, because the queue was full or the time for closing was over.
        queued: waiting, or in flight.
        failures: failed attempts to write.
    """

    received: int
    delivered: int
    dropped: int
    queued: int
    failures: int


class MessageQueue:
    """Messages that wait, and messages in flight: those that the sink has been given and not acknowledged.

    When the queue is full, the oldest waiting message is dropped. Messages in flight stay, for they may have arrived.
    It is not thread-safe: its owner holds a lock. It may outlive its owner, with its messages and its counts.

    Args:
        capacity: how many messages may wait or be in flight.

    Attributes:
        failures: failed attempts to write, counted by its owner.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[Message] = deque()
        self._in_flight: list[Message] = []
        self._received = self._delivered = self._dropped = self.failures = 0
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._in_flight) + len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next message makes the queue drop one."""
        return len(self) >= self._capacity

    @property
    def is_closed(self) -> bool:
        """Whether the queue drops every message that it gets."""
        return self._is_closed

    @property
    def in_flight(self) -> Sequence[Message]:
        """The messages in flight, in order."""
        return self._in_flight

    @property
    def counts(self) -> DeliveryCounts:
        """The current counts."""
        return DeliveryCounts(self._received, self._delivered, self._dropped, len(self), self.failures)

    def put(self, message: Message) -> None:
        """Add one message."""
        self._received += 1
        if self._is_closed:
            self._dropped += 1
            return
        self._waiting.append(message)
        if len(self) > self._capacity:
            self._waiting.popleft()
            self._dropped += 1

    def fill_flight(self, window: int) -> None:
        """Move waiting messages in flight until `window` of them are."""
        while self._waiting and len(self._in_flight) < window:
            self._in_flight.append(self._waiting.popleft())

    def acknowledge(self, count: int) -> None:
        """Count the first `count` messages in flight as delivered."""
        del self._in_flight[:count]
        self._delivered += count

    def drop_in_flight(self) -> None:
        """Give up the messages in flight."""
        self._dropped += len(self._in_flight)
        self._in_flight = []

    def close(self) -> int:
        """Drop everything, now and until `restart`.

        Returns:
            How many messages were waiting or in flight.
        """
        lost = len(self)
        self._is_closed = True
        self._dropped += lost
        self._in_flight, self._waiting = [], deque()
        return lost

    def restart(self, capacity: int) -> None:
        """Go on with another owner: what was in flight waits again, before everything else."""
        self._is_closed, self._capacity = False, capacity
        self._waiting.extendleft(reversed(self._in_flight))
        self._in_flight = []
        while len(self) > capacity:
            self._waiting.popleft()
            self._dropped += 1
