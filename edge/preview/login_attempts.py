"""How often a client may be wrong."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

#: After so many wrong tokens within the window a client has to wait until the first of them is that old.
MAX_WRONG, WINDOW_S = 5, 60.0
#: So many clients are remembered; the memory is bounded.
MAX_CLIENTS = 1024


class LoginAttempts:
    """Wrong tokens of the last minute, by client.

    Args:
        now_s: monotonic time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Seconds until this client may try again; 0 for now."""
        times = self._wrong.get(_network(client))
        if times is None or len(times) < MAX_WRONG:
            return 0.0
        return max(0.0, times[0] + WINDOW_S - self._now_s())

    def count_wrong(self, client: str) -> None:
        """This client was wrong now."""
        network = _network(client)
        self._wrong.setdefault(network, deque(maxlen=MAX_WRONG)).append(self._now_s())
        self._wrong.move_to_end(network)
        if len(self._wrong) > MAX_CLIENTS:
            self._wrong.popitem(last=False)


def _network(client: str) -> str:
    """The client, or its /64 under IPv6: whoever has one address of it has them all."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    # An IPv4 client of a socket for both is known by its own address.
    return str(address.ipv4_mapped or int(address) >> 64)
