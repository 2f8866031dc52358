"""The connection of a capture process to its parent, by its standard streams: that of Windows and macOS."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any

#: The line that announces a frame; every other line is a message.
FRAME = b"frame"
#: Written to standard error before an error is sent, so that the parent knows when it has read what explains it.
MARK = b"\x1e"
#: The time to release a camera after the parent has ended, before the process ends regardless.
_RELEASE_S = 2.0


class PipeChannel:
    """The child's side. It takes the standard streams: what libraries print then goes to standard error."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._messages = os.dup(1)
        os.dup2(2, 1)
        threading.Thread(target=self._read_requests, name="requests", daemon=True).start()

    def receive(self) -> bytes:
        """Wait for a request; empty once the parent has closed the channel."""
        return self._requests.get()

    def has_request(self) -> bool:
        """Whether `receive` would return at once."""
        return not self._requests.empty()

    def announce_frame(self) -> None:
        """Announce that there is a frame in the memory."""
        self._write(FRAME)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        if "error" in message:
            os.write(2, MARK)
        self._write(json.dumps(message).encode())

    def _write(self, line: bytes) -> None:
        rest = line + b"\n"
        while rest:
            rest = rest[os.write(self._messages, rest) :]

    def _read_requests(self) -> None:
        for line in sys.stdin.buffer:
            self._requests.put(line)
        self._requests.put(b"")
        # A driver that waits for a camera would keep the process, and the camera, for ever.
        time.sleep(_RELEASE_S)
        os._exit(1)
