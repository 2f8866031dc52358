"""Limits how many wrong tokens a client may send."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from edge.system.addresses import client_network

#: After this many wrong tokens within the window, a client has to wait until the first of them is older than that.
MAX_FAILURES, WINDOW_S = 5, 60.0
#: How many clients are remembered, so that the memory is bounded.
MAX_CLIENTS = 1024


class LoginAttempts:
    """Wrong tokens of the last minute, by client; safe to use from several threads.

    Args:
        now_s: returns the monotonic time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def retry_after_s(self, client: str) -> float:
        """Return how many seconds this client has to wait before the next attempt; 0 if it need not wait."""
        with self._lock:
            times = self._failures.get(client_network(client))
            if times is None or len(times) < MAX_FAILURES:
                return 0.0
            return max(0.0, times[0] + WINDOW_S - self._now_s())

    def record_failure(self, client: str) -> None:
        """Count one wrong token of this client."""
        network = client_network(client)
        with self._lock:
            self._failures.setdefault(network, deque(maxlen=MAX_FAILURES)).append(self._now_s())
            self._failures.move_to_end(network)
            if len(self._failures) > MAX_CLIENTS:
                self._failures.popitem(last=False)
