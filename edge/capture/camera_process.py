"""`python -m edge.capture.camera_process`: the child process that opens a live source.

It opens a source at its parent's request, publishes each frame, and reports when the source fails; then it waits for
the next request. It can be killed at any time: if a camera's driver hangs, only this process hangs.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import sys
from typing import Any

from edge.capture.shared_frames import FrameMemory
from edge.errors import MienError, first_line
from edge.sources import open_source
from edge.system.memory import limited_growth, prefer_for_oom_kill
from edge.system.processes import die_with_parent

#: What the process may allocate: a frame of 4096 x 4096 as decoded and in color, and the decoder's reference frames.
#: What a camera sends beyond is an error to report, before the kernel kills the service for its memory.
MAX_GROWTH_BYTES = 192 << 20
_LIBC = ctypes.CDLL(None)


class CameraProcess:
    """The child's side of the connection.

    Args:
        channel: the connection to the parent: a SOCK_SEQPACKET socket with one JSON object per message.
        memory: the memory into which frames are written.
        frame_ready_fd: an eventfd that is incremented for each frame.
    """

    def __init__(self, channel: socket.socket, memory: FrameMemory, frame_ready_fd: int) -> None:
        self._channel, self._memory, self._frame_ready_fd = channel, memory, frame_ready_fd

    def run(self) -> None:
        """Serve the parent's requests until it closes the channel."""
        while packet := self._channel.recv(65536):
            self._send(acknowledged=True)
            try:
                request = json.loads(packet)
                self._publish(request["spec"], request["downscale"])
            except MienError as error:
                self._send(error=str(error), type=type(error).__name__)
            except Exception as error:
                # Drivers, codecs and plug-ins may raise anything; the parent decides what to do.
                self._send(error=f"{type(error).__name__}: {first_line(error)}", type=type(error).__name__)

    def _publish(self, spec: str, downscale: int) -> None:
        """Publish frames until the source fails or the parent sends the next request."""
        with open_source(spec, downscale) as source:
            # Plug-ins need not be derived from BaseSource.
            if reopen_specs := getattr(source, "reopen_specs", ()):
                self._send(reopen_specs=reopen_specs)
            counted = frames = 0
            try:
                for frame in source:
                    frames += 1
                    self._memory.put(frame.image, frame.timestamp_s, frame.capture_ms, downscale)
                    os.eventfd_write(self._frame_ready_fd, 1)
                    if select.select([self._channel], [], [], 0)[0]:
                        return
                    self._memory.count_unreadable(source.unreadable - counted)
                    counted = source.unreadable
            finally:
                self._memory.count_unreadable(source.unreadable - counted)
        self._send(error=f"{source.name} has ended after {frames} frames", type="SourceError")

    def _send(self, **message: Any) -> None:
        # FFmpeg's log lines wait in C's buffer of standard output; they explain the message.
        _LIBC.fflush(None)
        self._channel.send(json.dumps(message).encode())


def main() -> None:
    """Take over the file descriptors that the parent passed on, and serve it."""
    parent_pid, channel, memory, frame_ready_fd = map(int, sys.argv[1:])
    die_with_parent(parent_pid)
    prefer_for_oom_kill()
    try:
        with limited_growth(MAX_GROWTH_BYTES):
            CameraProcess(socket.socket(fileno=channel), FrameMemory(memory), frame_ready_fd).run()
    except ConnectionError:
        # The parent has closed its end.
        return


if __name__ == "__main__":
    main()
