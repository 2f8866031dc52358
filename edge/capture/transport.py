"""Chooses how a source and its capture process are connected on this system."""

from __future__ import annotations

import sys

from edge.capture.process_handle import Transport
from edge.system.operating_system import system_function


def new_transport() -> Transport:
    """Return the connection of this system, with memory of its own.

    Raises:
        OSError: there is no memory or no file descriptor for it.
    """
    if sys.platform == "linux" and system_function("memfd_create") is not None:
        from edge.capture.socket_process import SocketTransport

        return SocketTransport()
    from edge.capture.piped_process import PipedTransport

    return PipedTransport()
