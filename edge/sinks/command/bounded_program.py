"""A program that is run again and again, one run at a time, with its time and its output limited."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

#: Between SIGTERM and SIGKILL.
_GRACE_S = 1.0
#: Of the standard error of a run; what comes after it is read and dropped, so that the program does not wait.
_MAX_ERROR_BYTES = 4096
_CHUNK_BYTES = 65536


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: the exit status; negative for a signal.
        timed_out: whether the run was ended because it took too long.
        error: the beginning of what it wrote to standard error.
    """

    status: int
    timed_out: bool
    error: str


class BoundedProgram:
    """Runs a command without a shell, as the leader of a process group of its own.

    When a run has ended, whatever of its process group is still running is killed; when the time is over, the group
    gets SIGTERM, and SIGKILL a second later. A run does not survive this process, unless that is killed.

    Args:
        command: the program and its arguments.
        timeout_s: how long a run may take.
    """

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        self._command, self._timeout_s = list(command), timeout_s
        #: The process group of the current run; None between runs. The lock is held while it is signaled, and while
        #: its leader is reaped: afterwards another process may have its number.
        self._group: int | None = None
        self._lock = threading.Lock()
        # At the end of the interpreter, a thread that waits for the program is not waited for.
        atexit.register(self.kill)

    def run(self, text: bytes, environment: Mapping[str, str]) -> Outcome:
        """Run the program once, and wait until it has ended.

        Args:
            text: its standard input.
            environment: all of its variables.

        Raises:
            OSError: it cannot be started.
        """
        with _as_file(text) as standard_input:
            process = subprocess.Popen(
                self._command,
                stdin=standard_input,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        assert process.stderr is not None
        self._group = process.pid
        error, timed_out = bytearray(), True
        with process.stderr as stream:
            os.set_blocking(stream.fileno(), False)
            try:
                timed_out = not self._wait(process.pid, stream.fileno(), self._timeout_s, error)
                if timed_out:
                    self._signal(signal.SIGTERM)
                    self._wait(process.pid, stream.fileno(), _GRACE_S, error)
            finally:
                self._signal(signal.SIGKILL)
                with self._lock:
                    status = process.wait()
                    self._group = None
            _read(stream.fileno(), error)
        return Outcome(status, timed_out, error.decode("utf-8", "replace"))

    def kill(self) -> None:
        """Kill the current run, if there is one."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill the current run, if there is one; nothing is run any more."""
        self.kill()
        atexit.unregister(self.kill)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._group is not None:
                os.killpg(self._group, number)

    @staticmethod
    def _wait(pid: int, error_fd: int, timeout_s: float, error: bytearray) -> bool:
        """Read standard error until the process has ended; return whether it has. It is not reaped."""
        deadline_s = time.monotonic() + timeout_s
        process_fd = os.pidfd_open(pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process_fd, selectors.EVENT_READ)
                selector.register(error_fd, selectors.EVENT_READ)
                while (left_s := deadline_s - time.monotonic()) > 0:
                    ready = {key.fd for key, _ in selector.select(left_s)}
                    if process_fd in ready:
                        return True
                    if error_fd in ready and not _read(error_fd, error):
                        selector.unregister(error_fd)
        finally:
            os.close(process_fd)
        return False


@contextmanager
def _as_file(text: bytes) -> Iterator[int]:
    """Give a file in memory: unlike a pipe it takes any size at once, and the program need not read it."""
    descriptor = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(text)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, into: bytearray) -> bool:
    """Read once what is there, and keep the beginning; return whether more may come."""
    try:
        chunk = os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return True
    into += chunk[: _MAX_ERROR_BYTES - len(into)]
    return bool(chunk)
