"""The capture process of Windows and macOS: three pipes, which threads read, and memory with a name.

Requests go to its standard input, messages and the news of a frame come from its standard output, one line each, and
what its libraries write comes from its standard error. It ends when its standard input is closed, so also when this
process ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from typing import IO, Any

from edge.capture.named_frames import NamedFrameMemory
from edge.capture.pipe_channel import FRAME, MARK
from edge.capture.process_handle import CaptureProcess, Transport, parent_signals_blocked
from edge.system.processes import python_command, python_environment

#: How long an error waits for the output that was written before it.
_OUTPUT_TIMEOUT_S = 0.5
_CHUNK_BYTES = 65536


class PipedTransport(Transport):
    """The memory; everything else belongs to a process."""

    memory: NamedFrameMemory

    def __init__(self) -> None:
        self.memory = NamedFrameMemory.create()

    def start(self) -> CaptureProcess:
        """Start a process."""
        return PipedProcess(self.memory)


class PipedProcess(CaptureProcess):
    """A running process.

    Args:
        memory: the memory into which it writes frames.
    """

    def __init__(self, memory: NamedFrameMemory) -> None:
        super().__init__()
        #: Guards what the threads write: what follows here, and the recent output.
        self._changed = threading.Condition()
        self._has_frame = self._has_ended = False
        self._messages: list[dict[str, Any]] = []
        #: How many errors have been announced in the output.
        self._marks = self._errors = 0
        with parent_signals_blocked():
            self._process = subprocess.Popen(
                # The camera's address is sent through the channel: every user can read command lines.
                python_command("edge.capture.camera_process", os.getpid(), memory.name),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # FFmpeg's warnings (AV_LOG_WARNING) state why a stream cannot be opened.
                env=python_environment(OPENCV_FFMPEG_LOGLEVEL="24"),
                # Windows alone has it: Ctrl-C of the terminal is then for the parent.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        for read, stream in ((self._read_messages, self._process.stdout), (self._read_errors, self._process.stderr)):
            threading.Thread(target=read, args=(stream,), name="capture process", daemon=True).start()

    def open(self, spec: str, downscale: int) -> None:
        """Send the request to open a source; the process closes the one that it has. See `open_source`."""
        with self._changed:
            self.acknowledged, self._recent_output = False, b""
        assert self._process.stdin is not None
        # If the process is dead, `ended` is true.
        with suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps({"spec": spec, "downscale": downscale}).encode() + b"\n")

    def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """Wait for a frame, a message or the end of the process; return the messages that have arrived."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_frame or self._messages or self._has_ended, timeout_s)
            messages, self._messages = self._messages, []
            has_ended, self._has_frame, self._has_ended = self._has_ended, False, False
            self._errors += sum("error" in message for message in messages)
            # What explains an error was written before it was sent, into another pipe.
            self._changed.wait_for(lambda: self._marks >= self._errors, _OUTPUT_TIMEOUT_S)
            self._marks = self._errors = max(self._marks, self._errors)
        if has_ended:
            # Only once: from now on only `ended` matters.
            self._await_exit()
        return self._sorted_out(messages)

    def _close_channel(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def _read_output(self) -> None:
        """Nothing: a thread reads it. What a process has written at its end arrives within a moment."""
        self._await_exit()

    def _read_messages(self, stream: IO[bytes]) -> None:
        rest = b""
        for chunk in _chunks(stream):
            *lines, rest = (rest + chunk).split(b"\n")
            messages = [json.loads(line) for line in lines if line and line != FRAME]
            with self._changed:
                self._has_frame = self._has_frame or FRAME in lines
                self._messages += messages
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _read_errors(self, stream: IO[bytes]) -> None:
        for chunk in _chunks(stream):
            with self._changed:
                self._marks += chunk.count(MARK)
                self._keep_output(chunk.replace(MARK, b""))
                self._changed.notify_all()


def _chunks(stream: IO[bytes]) -> Any:
    """Yield what arrives until the other end is closed. The thread that reads a pipe closes it: nobody else may."""
    with stream, suppress(OSError):
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
