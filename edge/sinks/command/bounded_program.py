"""A program that is run again and again, one run at a time, with its time and its output limited."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from edge.system.operating_system import system_function

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
    gets SIGTERM, and SIGKILL a second later. A run does not survive this process, unless that is killed. Windows has no
    process groups of this kind: there only the program itself is ended.

    Args:
        command: the program and its arguments.
        timeout_s: how long a run may take.
    """

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        self._command, self._timeout_s = list(command), timeout_s
        #: The process group of the current run; None between runs. The lock is held while it is signaled, and while
        #: its leader is reaped: afterwards another process may have its number.
        self._group: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
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
                # Windows alone has it: Ctrl-C of the terminal is not for the program.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        assert process.stderr is not None
        self._group, self._process = process.pid, process
        error, timed_out = bytearray(), True
        if system_function("pidfd_open") is None:
            timed_out = self._run_with_thread(process, error)
            return Outcome(process.returncode, timed_out, error.decode("utf-8", "replace"))
        with process.stderr as stream:
            system_function("set_blocking")(stream.fileno(), False)
            try:
                timed_out = not self._wait(process.pid, stream.fileno(), self._timeout_s, error)
                if timed_out:
                    self._signal(signal.SIGTERM)
                    self._wait(process.pid, stream.fileno(), _GRACE_S, error)
            finally:
                self._kill()
                with self._lock:
                    status = process.wait()
                    self._group = self._process = None
            _read(stream.fileno(), error)
        return Outcome(status, timed_out, error.decode("utf-8", "replace"))

    def kill(self) -> None:
        """Kill the current run, if there is one."""
        self._kill()

    def close(self) -> None:
        """Kill the current run, if there is one; nothing is run any more."""
        self.kill()
        atexit.unregister(self.kill)

    def _run_with_thread(self, process: subprocess.Popen[bytes], error: bytearray) -> bool:
        """Wait for a run where no descriptor stands for a process; return whether it took too long."""
        assert process.stderr is not None
        reader = threading.Thread(target=_read_all, args=(process.stderr, error), daemon=True)
        reader.start()
        timed_out = True
        try:
            timed_out = not _ends_within(process, self._timeout_s)
            if timed_out:
                self._signal(signal.SIGTERM)
                _ends_within(process, _GRACE_S)
        finally:
            self._kill()
            process.wait()
            with self._lock:
                self._group = self._process = None
            # What it has started and left in another group may hold its standard error.
            reader.join(_GRACE_S)
        return timed_out

    def _kill(self) -> None:
        # Windows has no SIGKILL; there SIGTERM cannot be caught either.
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _signal(self, number: signal.Signals) -> None:
        signal_group = system_function("killpg")
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._group is None:
                return
            if signal_group is not None:
                signal_group(self._group, number)
            elif self._process is not None:
                self._process.send_signal(number)

    @staticmethod
    def _wait(pid: int, error_fd: int, timeout_s: float, error: bytearray) -> bool:
        """Read standard error until the process has ended; return whether it has. It is not reaped."""
        deadline_s = time.monotonic() + timeout_s
        process_fd = system_function("pidfd_open")(pid)
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
def _as_file(text: bytes) -> Iterator[IO[bytes]]:
    """Give a file, in memory where it can be: unlike a pipe it takes any size, and the program need not read it."""
    create = system_function("memfd_create")
    # The descriptor is closed on exec.
    with tempfile.TemporaryFile() if create is None else os.fdopen(create("message"), "w+b") as stream:
        stream.write(text)
        stream.seek(0)
        yield stream


def _ends_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read_all(stream: IO[bytes], into: bytearray) -> None:
    """Read until nobody can write any more, and keep the beginning."""
    with stream, suppress(OSError):
        while chunk := os.read(stream.fileno(), _CHUNK_BYTES):
            into += chunk[: _MAX_ERROR_BYTES - len(into)]


def _read(descriptor: int, into: bytearray) -> bool:
    """Read once what is there, and keep the beginning; return whether more may come."""
    try:
        chunk = os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return True
    into += chunk[: _MAX_ERROR_BYTES - len(into)]
    return bool(chunk)
