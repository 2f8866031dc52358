"""Bounds how many connections a server keeps, so that clients who send nothing cannot keep out the others."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from edge.system.addresses import client_network
from edge.system.logs import RateLimitedLogger
from edge.system.memory import max_descriptors

logger = logging.getLogger(__name__)

#: Connections in all, and from one network. A browser opens up to six, and there may be several behind one proxy.
MAX_CONNECTIONS, MAX_PER_NETWORK = 64, 32
#: File descriptors that the rest of the process may need: models, sinks, the camera's process and its successor.
_RESERVED_DESCRIPTORS = 128


class OpenConnections:
    """The open connections of one server; safe to use from several threads.

    A connection is waiting until the server has read a request from it. Where there is no room for a new connection,
    the one that has been waiting longest is closed for it; where none is waiting, the new one is.

    Args:
        name: of the server, for the log.
        maximum: connections in all. The limit of file descriptors of the process lowers it.
        per_network: connections from one network, see `client_network`.
    """

    def __init__(self, name: str, maximum: int = MAX_CONNECTIONS, per_network: int = MAX_PER_NETWORK) -> None:
        if (descriptors := max_descriptors()) is not None:
            maximum = max(4, min(maximum, (descriptors - _RESERVED_DESCRIPTORS) // 4))
        self._name, self._maximum, self._per_network = name, maximum, min(per_network, maximum)
        self._lock = Lock()
        #: Network and how to close it, of each connection in the order of their beginning.
        self._waiting: OrderedDict[Hashable, tuple[str, Callable[[], None]]] = OrderedDict()
        self._served: dict[Hashable, str] = {}
        self._counts: Counter[str] = Counter()
        self._warnings = RateLimitedLogger(logger)

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting) + len(self._served)

    def admit(self, connection: Hashable, address: str, close: Callable[[], None]) -> bool:
        """Register a connection.

        Args:
            connection: identifies it.
            address: of the client.
            close: closes it; called from any thread, while it is waiting.

        Returns:
            Whether there is room. Otherwise the caller closes it.
        """
        network = client_network(address)
        with self._lock:
            victim = None
            if self._counts[network] >= self._per_network:
                victim = next((key for key, (other, _) in self._waiting.items() if other == network), None)
                full = victim is None
            else:
                full = len(self._waiting) + len(self._served) >= self._maximum
                if full:
                    victim = next(iter(self._waiting), None)
                    full = victim is None
            close_victim = self._remove(victim) if victim is not None else None
            if not full:
                self._waiting[connection] = (network, close)
                self._counts[network] += 1
        if close_victim is not None:
            close_victim()
        if full or close_victim is not None:
            self._warnings.warning(f"{self._name}: too many connections, the last from {address}; idle ones are closed")
        return not full

    def serve(self, connection: Hashable) -> None:
        """Note that a request was read from a connection; it is no longer closed to make room."""
        with self._lock:
            entry = self._waiting.pop(connection, None)
            if entry is not None:
                self._served[connection] = entry[0]

    def wait(self, connection: Hashable, close: Callable[[], None]) -> None:
        """Note that a connection has been answered, and is waiting for its next request."""
        with self._lock:
            network = self._served.pop(connection, None)
            if network is not None:
                self._waiting[connection] = (network, close)

    def release(self, connection: Hashable) -> None:
        """Forget a connection that has ended; nothing happens if it is not known."""
        with self._lock:
            self._remove(connection)

    def close_waiting(self) -> None:
        """Close all connections that wait for a request: the server ends."""
        with self._lock:
            waiting = [close for _, close in self._waiting.values()]
        for close in waiting:
            close()

    def _remove(self, connection: Hashable) -> Callable[[], None] | None:
        network, close = self._waiting.pop(connection, ("", None))
        network = network or self._served.pop(connection, "")
        if network:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
        return close
