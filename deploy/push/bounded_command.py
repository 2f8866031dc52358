"""A local command that talks to another machine: what it may write, and how long it may take, is bounded."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import IO, Self

from edge.errors import DeployError

#: What a host may write to each of the two streams. An installation writes some 50 lines.
MAX_OUTPUT_BYTES = 1_000_000
_MAX_LINE_BYTES = 4096


def printable_line(text: str) -> str:
    """Return one line of a host for the terminal: without the control characters that would act on it."""
    return "".join(character if character.isprintable() else " " for character in text)[:300].strip()


class BoundedCommand:
    """Runs a command whose output another machine chooses; a context manager that ends it.

    Args:
        command: the program and its arguments.
        on_line: called with each line of its standard error, while it runs, in a thread of its own.
        stdin: what it reads.

    Attributes:
        output, errors: what it has written to standard output and standard error; complete after its end.

    Raises:
        DeployError: it is not installed.
    """

    def __init__(self, command: Sequence[str], on_line: Callable[[str], None] | None = None, stdin: str = "") -> None:
        self.output = self.errors = ""
        self._on_line, self._too_much = on_line, False
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise DeployError(f"{command[0]} is not installed here: sudo apt install openssh-client") from error
        assert self._process.stdin is not None
        # A batch is some hundred bytes, and always fits into the pipe.
        self._process.stdin.write(stdin.encode())
        self._process.stdin.close()
        # Both streams are read at once, because a full pipe would block the command.
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("output", "errors")
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, timeout_s: float) -> int:
        """Wait for its end, and return its exit status.

        Raises:
            DeployError: it does not end in time, or writes too much.
        """
        status = self.poll(timeout_s)
        if status is None:
            raise DeployError(f"no end after {timeout_s:.0f} s{self._last_words()}")
        return status

    def poll(self, timeout_s: float) -> int | None:
        """Wait for its end; return its exit status, or None if it runs on.

        Raises:
            DeployError: it writes too much.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if self._too_much:
                raise DeployError(f"the host writes without end, more than {MAX_OUTPUT_BYTES} bytes")
        for reader in self._readers:
            # A process that it has left behind may keep its streams open.
            reader.join(max(1.0, deadline_s - time.monotonic()))
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it if it runs on."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _read(self, name: str) -> None:
        stream = self._process.stdout if name == "output" else self._process.stderr
        assert stream is not None
        parts, size = [], 0
        with stream:
            for line in _lines(stream):
                size += len(line)
                if size > MAX_OUTPUT_BYTES:
                    self._too_much = True
                    self._process.kill()
                    break
                parts.append(line.decode(errors="replace"))
                if name == "errors" and self._on_line is not None:
                    self._on_line(printable_line(parts[-1]))
        setattr(self, name, "".join(parts))

    def _last_words(self) -> str:
        words = printable_line(self.errors.strip().rpartition("\n")[2])
        return f": {words}" if words else ""


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.readline(_MAX_LINE_BYTES), b"")
