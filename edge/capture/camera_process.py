"""`python -m edge.capture.camera_process`: the process that holds a camera.

It opens a source when its parent asks it to, publishes each frame, and says so where the source fails; then it waits
to be asked again. It is meant to be killed: whatever the camera's driver does, only this process hangs.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from edge.capture.shared_frames import FrameMemory
from edge.errors import MienError, first_line
from edge.sources import open_source

#: From <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Capture:
    """The child's side.

    Args:
        channel: to the parent, SOCK_SEQPACKET: a JSON object a message.
        memory: where frames go.
        bell: an eventfd that is rung for each frame.
    """

    def __init__(self, channel: socket.socket, memory: FrameMemory, bell: int) -> None:
        self._channel, self._memory, self._bell = channel, memory, bell

    def run(self) -> None:
        """Do what the parent asks until it closes the channel."""
        while request := self._channel.recv(65536):
            self._say(opening=True)
            try:
                asked = json.loads(request)
                self._publish(asked["open"], asked["shrink"])
            except MienError as error:
                self._say(failed=str(error), kind=type(error).__name__)
            except Exception as error:
                # Drivers and codecs raise what they like; the parent decides what comes next.
                self._say(failed=f"{type(error).__name__}: {first_line(error)}", kind=type(error).__name__)

    def _publish(self, spec: str, shrink: int) -> None:
        """Publish frames until the source fails or the parent wants something else."""
        with open_source(spec, shrink) as source:
            counted = 0
            try:
                for frame in source:
                    self._memory.put(frame.image, frame.timestamp_s, frame.capture_ms, shrink)
                    os.eventfd_write(self._bell, 1)
                    if select.select([self._channel], [], [], 0)[0]:
                        return
                    self._memory.count_unreadable(source.unreadable - counted)
                    counted = source.unreadable
            finally:
                self._memory.count_unreadable(source.unreadable - counted)
        self._say(failed=f"{source.name} has ended", kind="SourceError")

    def _say(self, **message: Any) -> None:
        # OpenCV lets FFmpeg's words wait in C's standard output; they explain the message.
        _LIBC.fflush(None)
        self._channel.send(json.dumps(message).encode())


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it is gone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have gone before that.
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main() -> None:
    """Take the descriptors that the parent passed on, and serve it."""
    parent, channel, memory, bell = map(int, sys.argv[1:])
    die_with_parent(parent)
    try:
        Capture(socket.socket(fileno=channel), FrameMemory(memory), bell).run()
    except ConnectionError:
        # The parent has closed its end: there is nobody left to tell.
        return


if __name__ == "__main__":
    main()
