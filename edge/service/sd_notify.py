"""sd_notify: messages to the service manager, over the socket that it names in NOTIFY_SOCKET.

The protocol (sd_notify(3)) is one datagram of `KEY=value` lines to a UNIX socket, by path or, after an `@`, in the
abstract namespace. Without NOTIFY_SOCKET nothing is sent. It is implemented here because it is a page of code, while
the bindings on PyPI need libsystemd's headers to build.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger(__name__)

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE, WATCHDOG_PID_VARIABLE = "WATCHDOG_USEC", "WATCHDOG_PID"


class NotifySocket:
    """The socket of the service manager.

    Args:
        address: a path, or `@NAME`; None where there is none.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        if not hasattr(socket, "AF_UNIX"):
            # Windows has no service manager that is notified in this way.
            self._address = None
        elif address is not None and address[:1] not in ("/", "@"):
            # Such as the vsock of a virtual machine.
            logger.warning(
                "%s=%s: expected a path or @NAME; the service manager is not notified", SOCKET_VARIABLE, address
            )
            self._address = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> NotifySocket:
        """Return the socket that the environment names."""
        return cls(environment.get(SOCKET_VARIABLE) or None)

    def __bool__(self) -> bool:
        """Return whether there is a socket."""
        return self._address is not None

    def send(self, *lines: str) -> bool:
        """Send `KEY=value` lines; never waits, never raises.

        Returns:
            True where they were sent or there is no socket. False where they should be sent again: the socket is
            full, or its owner is being replaced.
        """
        if self._address is None:
            return True
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            family: int = getattr(socket, "AF_UNIX")  # noqa: B009 - Windows has none
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
        return True


def watchdog_s(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Return the time in seconds after which the watchdog kills a silent process; None without a watchdog.

    Args:
        environment: of the process, with WATCHDOG_USEC in microseconds and WATCHDOG_PID.
        pid: the process; None for this one.
    """
    timeout_us = environment.get(WATCHDOG_VARIABLE, "")
    watched = environment.get(WATCHDOG_PID_VARIABLE) or str(os.getpid() if pid is None else pid)
    if not timeout_us.isdecimal() or not int(timeout_us) or watched != str(os.getpid() if pid is None else pid):
        return None
    return int(timeout_us) / 1_000_000
