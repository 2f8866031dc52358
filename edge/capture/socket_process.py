"""The capture process of Linux: a socket for messages, an eventfd for frames, and memory without a name.

The kernel kills it when the thread that started it ends.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

from edge.capture.process_handle import CaptureProcess, Transport, parent_signals_blocked
from edge.capture.shared_frames import FrameMemory
from edge.system.processes import python_command, python_environment

if sys.platform != "linux":
    raise ImportError("this process is Linux's; see edge.capture.piped_process")


class SocketTransport(Transport):
    """The memory, and an eventfd that a process increments for each frame."""

    memory: FrameMemory

    def __init__(self) -> None:
        self.memory = FrameMemory.create()
        self._frame_ready_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def start(self) -> CaptureProcess:
        """Start a process."""
        return SocketProcess(self.memory, self._frame_ready_fd)

    def close(self) -> None:
        """Free what is shared."""
        super().close()
        os.close(self._frame_ready_fd)


class SocketProcess(CaptureProcess):
    """A running process. It dies with the thread that started it.

    Args:
        memory: the memory into which it writes frames.
        frame_ready_fd: an eventfd that it increments for each frame.
    """

    def __init__(self, memory: FrameMemory, frame_ready_fd: int) -> None:
        super().__init__()
        self._frame_ready_fd = frame_ready_fd
        self._channel, child_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = child_channel.fileno(), memory.fd, frame_ready_fd
        try:
            with parent_signals_blocked():
                self._process = subprocess.Popen(
                    # The camera's address is sent through the channel: every user can read command lines.
                    python_command("edge.capture.camera_process", os.getpid(), *descriptors),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=descriptors,
                    # FFmpeg's warnings (AV_LOG_WARNING) state why a stream cannot be opened.
                    env=python_environment(OPENCV_FFMPEG_LOGLEVEL="24"),
                )
        except BaseException:
            self._channel.close()
            raise
        finally:
            child_channel.close()
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._poll = select.poll()
        self.descriptors: list[int] = [self._frame_ready_fd, self._channel.fileno()]
        for descriptor in (*self.descriptors, self._output.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def open(self, spec: str, downscale: int) -> None:
        """Send the request to open a source; the process closes the one that it has. See `open_source`."""
        self.acknowledged, self._recent_output = False, b""
        # If the process is dead, `ended` is true.
        with suppress(ConnectionError):
            self._channel.send(json.dumps({"spec": spec, "downscale": downscale}).encode())

    def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """Wait for a frame, a message or the end of the process; return the messages that have arrived."""
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
        if self._frame_ready_fd in ready:
            os.eventfd_read(self._frame_ready_fd)
        messages = self._receive() if self._channel.fileno() in ready else []
        # After the messages: what explains a message was written before it was sent.
        self._read_output()
        return messages

    def close(self) -> None:
        """Let the process release its camera and end, or kill it."""
        super().close()
        self._output.close()

    def _close_channel(self) -> None:
        self._channel.close()

    def _read_output(self) -> None:
        while True:
            try:
                more = os.read(self._output.fileno(), 65536)
            except BlockingIOError:
                return
            if not more:
                with suppress(KeyError):
                    self._poll.unregister(self._output.fileno())
                return
            self._keep_output(more)

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while True:
            try:
                packet = self._channel.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionError:
                packet = b""
            if not packet:
                # From now on only `ended` matters.
                self._poll.unregister(self._channel.fileno())
                self.descriptors.remove(self._channel.fileno())
                self._await_exit()
                break
            messages.append(json.loads(packet))
        return self._sorted_out(messages)
