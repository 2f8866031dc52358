"""The connection of a capture process to its parent, by a socket and an eventfd: that of Linux."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from typing import Any

if sys.platform != "linux":
    raise ImportError("this channel is Linux's; see edge.capture.pipe_channel")


class SocketChannel:
    """The child's side.

    Args:
        channel: the connection to the parent: a SOCK_SEQPACKET socket with one JSON object per message.
        frame_ready_fd: an eventfd that is incremented for each frame.
    """

    def __init__(self, channel: socket.socket, frame_ready_fd: int) -> None:
        self._channel, self._frame_ready_fd = channel, frame_ready_fd

    def receive(self) -> bytes:
        """Wait for a request; empty once the parent has closed the channel."""
        return self._channel.recv(65536)

    def has_request(self) -> bool:
        """Whether `receive` would return at once."""
        return bool(select.select([self._channel], [], [], 0)[0])

    def announce_frame(self) -> None:
        """Announce that there is a frame in the memory."""
        os.eventfd_write(self._frame_ready_fd, 1)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._channel.send(json.dumps(message).encode())
