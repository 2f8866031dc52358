"""The capture process as its parent sees it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from contextlib import suppress
from typing import Any

from edge.capture.process_output import stated_reason
from edge.capture.shared_frames import FrameMemory
from edge.system.addresses import without_credentials
from edge.system.processes import describe_exit, python_command, python_environment

#: The time that the process has to release its camera after its channel is closed, and to end once it is killed.
_CLOSE_TIMEOUT_S, _KILL_TIMEOUT_S = 1.0, 2.0
#: The time from the end of the channel to the end of the process. It is short: the loop must go on.
_EXIT_TIMEOUT_S = 0.2
#: How much of the process's output is kept.
_OUTPUT_BYTES = 4096
#: Signals for the parent alone. systemd and a terminal's Ctrl-C send them to every process of the service.
_PARENT_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}


class CaptureProcess:
    """A running `edge.capture.camera_process`. It dies with the thread that started it.

    Args:
        memory: the memory into which it writes frames.
        frame_ready_fd: an eventfd that it increments for each frame.

    Attributes:
        acknowledged: it has received the last request.
        descriptors: file descriptors that can be read when there is a frame or a message, or the process has ended.
    """

    def __init__(self, memory: FrameMemory, frame_ready_fd: int) -> None:
        self._frame_ready_fd = frame_ready_fd
        self.acknowledged = False
        self._recent_output = b""
        self._channel, child_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = child_channel.fileno(), memory.fd, frame_ready_fd
        # Blocked signals stay blocked in the child, from its first instruction on.
        previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENT_SIGNALS)
        try:
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
            signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
            child_channel.close()
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._poll = select.poll()
        #: Of frames and messages.
        self.descriptors = [self._frame_ready_fd, self._channel.fileno()]
        for descriptor in (*self.descriptors, self._output.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def open(self, spec: str, downscale: int) -> None:
        """Send the request to open a source; the process closes the one that it has. See `open_source`."""
        self.acknowledged, self._recent_output = False, b""
        # If the process is dead, `ended` is true.
        with suppress(ConnectionError):
            self._channel.send(json.dumps({"spec": spec, "downscale": downscale}).encode())

    def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """Wait for a frame, a message or the end of the process; return the messages that have arrived.

        Returns:
            Messages with `error`, the text, and `type`, the name of the exception's class; or with `reopen_specs`.
        """
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
        if self._frame_ready_fd in ready:
            os.eventfd_read(self._frame_ready_fd)
        messages = self._receive() if self._channel.fileno() in ready else []
        # After the messages: what explains a message was written before it was sent.
        self._read_output()
        return messages

    def kill(self) -> None:
        """Send SIGKILL. `ended` becomes true unless the process hangs in a driver."""
        self._process.kill()

    def close(self) -> None:
        """Let the process release its camera and end, within `_CLOSE_TIMEOUT_S`, or kill it."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_TIMEOUT_S)
        if not self.ended:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_TIMEOUT_S)
        self._output.close()

    @property
    def last_output_line(self) -> str:
        """The last line since the last request that may explain a failure, without credentials; or empty."""
        return without_credentials(stated_reason(self._recent_output))

    def describe_end(self) -> str:
        """How the ended process ended, and its last line."""
        self._read_output()
        line = self.last_output_line
        return f"its process died: {describe_exit(self._process.returncode)}" + (f", {line}" if line else "")

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
            self._recent_output = (self._recent_output + more)[-_OUTPUT_BYTES:]

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while True:
            try:
                packet = self._channel.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return messages
            except ConnectionError:
                packet = b""
            if not packet:
                # The process is about to end, usually within milliseconds; from now on only `ended` matters.
                self._poll.unregister(self._channel.fileno())
                self.descriptors.remove(self._channel.fileno())
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_EXIT_TIMEOUT_S)
                return messages
            message = json.loads(packet)
            if "acknowledged" in message:
                self.acknowledged = True
            else:
                messages.append(message)
