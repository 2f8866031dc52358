"""sd_notify: what a service manager is told, over the socket that it names in NOTIFY_SOCKET.

The protocol (sd_notify(3)): one datagram of `KEY=value` lines, to a UNIX socket by path or, behind an `@`, in the
abstract namespace. Without NOTIFY_SOCKET nobody listens, and nothing is sent.
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
    """Where a service manager listens.

    Args:
        address: a path, or `@NAME`; None where nobody does.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        if address is not None and address[:1] not in ("/", "@"):
            # A virtual machine's vsock, which no device has.
            logger.warning("%s=%s: expected a path or @NAME; the service manager is not told", SOCKET_VARIABLE, address)
            self._address = None

    @classmethod
    def named_by(cls, environment: Mapping[str, str] = os.environ) -> NotifySocket:
        """The one that the environment names."""
        return cls(environment.get(SOCKET_VARIABLE) or None)

    def __bool__(self) -> bool:
        """Somebody may listen."""
        return self._address is not None

    def send(self, *lines: str) -> bool:
        """Send `KEY=value` lines; never waits, never raises.

        Returns:
            Whether they are on their way, or nobody listens. False where they should be sent again: the socket is
            full, or its owner is being replaced.
        """
        if self._address is None:
            return True
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
                out.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
        return True


def watchdog_s(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Seconds after which the service manager takes a silent process for dead; None where it does not look.

    Args:
        environment: the process's, with WATCHDOG_USEC in microseconds and WATCHDOG_PID.
        pid: whose watchdog it is asked for; this process's where None.
    """
    asked = environment.get(WATCHDOG_VARIABLE, "")
    whose = environment.get(WATCHDOG_PID_VARIABLE) or str(os.getpid() if pid is None else pid)
    if not asked.isdecimal() or not int(asked) or whose != str(os.getpid() if pid is None else pid):
        return None
    return int(asked) / 1_000_000
