"""`python -m edge.capture.camera_process`: the child process that opens a live source.

It opens a source at its parent's request, publishes each frame, and reports when the source fails; then it waits for
the next request. It can be killed at any time: if a camera's driver hangs, only this process hangs.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import Any, Protocol

from edge.capture.frame_slots import FrameSlots
from edge.capture.process_handle import PARENT_SIGNALS
from edge.errors import MienError, WrongUseError, first_line
from edge.sources import open_source
from edge.system.memory import limited_growth, prefer_for_oom_kill
from edge.system.operating_system import c_library, signals
from edge.system.processes import die_with_parent

#: What the process may allocate: a frame of 4096 x 4096 as decoded and in color, and the decoder's reference frames.
#: What a camera sends beyond is an error to report, before the kernel kills the service for its memory.
MAX_GROWTH_BYTES = 192 << 20
_FLUSH = getattr(c_library(), "fflush", None)


class ParentChannel(Protocol):
    """The connection to the parent, with one JSON object per message."""

    def receive(self) -> bytes:
        """Wait for a request; empty once the parent has closed the channel."""
        ...

    def has_request(self) -> bool:
        """Whether `receive` would return at once."""
        ...

    def announce_frame(self) -> None:
        """Announce that there is a frame in the memory."""
        ...

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        ...


class CameraProcess:
    """The child's side of the connection.

    Args:
        channel: the connection to the parent.
        memory: the memory into which frames are written.
    """

    def __init__(self, channel: ParentChannel, memory: FrameSlots) -> None:
        self._channel, self._memory = channel, memory

    def run(self) -> None:
        """Serve the parent's requests until it closes the channel."""
        while packet := self._channel.receive():
            self._send(acknowledged=True)
            try:
                request = json.loads(packet)
                self._publish(request["spec"], request["downscale"])
            except MienError as error:
                self._send(error=str(error), is_final=isinstance(error, WrongUseError))
            except Exception as error:
                # Drivers, codecs and plug-ins may raise anything; the parent decides what to do.
                self._send(error=f"{type(error).__name__}: {first_line(error)}", is_final=False)

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
                    self._channel.announce_frame()
                    if self._channel.has_request():
                        return
                    self._memory.count_unreadable(source.unreadable - counted)
                    counted = source.unreadable
            finally:
                self._memory.count_unreadable(source.unreadable - counted)
        self._send(error=f"{source.name} has ended after {frames} frames", is_final=False)

    def _send(self, **message: Any) -> None:
        # FFmpeg's log lines wait in C's buffer of standard output; they explain the message.
        if _FLUSH is not None:
            _FLUSH(None)
        self._channel.send(message)


def main() -> None:
    """Take over what the parent passed on, and serve it."""
    parent_pid, *passed = sys.argv[1:]
    channel, memory = _by_name(*passed) if len(passed) == 1 else _by_descriptors(int(parent_pid), *map(int, passed))
    prefer_for_oom_kill()
    try:
        with limited_growth(MAX_GROWTH_BYTES):
            CameraProcess(channel, memory).run()
    except ConnectionError:
        # The parent has closed its end.
        return
    finally:
        memory.close()


def _by_descriptors(
    parent_pid: int, channel: int, memory: int, frame_ready_fd: int
) -> tuple[ParentChannel, FrameSlots]:
    """What a process of Linux has been given: file descriptors."""
    from edge.capture.shared_frames import FrameMemory
    from edge.capture.socket_channel import SocketChannel

    die_with_parent(parent_pid)
    return SocketChannel(socket.socket(fileno=channel), frame_ready_fd), FrameMemory(memory)


def _by_name(name: str) -> tuple[ParentChannel, FrameSlots]:
    """What a process of other systems has been given: standard streams, and the name of the memory."""
    from edge.capture.named_frames import NamedFrameMemory
    from edge.capture.pipe_channel import PipeChannel

    for number in signals(*PARENT_SIGNALS).values():
        signal.signal(number, signal.SIG_IGN)
    return PipeChannel(), NamedFrameMemory.attach(name)


if __name__ == "__main__":
    main()
