"""Lines on standard output."""

from __future__ import annotations

import io
import os
import sys

from edge.errors import SinkError


class StandardOutput:
    """Writes lines, each visible to a reader at once.

    It writes to the file descriptor: a thread that waits within `sys.stdout` for a reader that has stopped reading
    holds a lock, and the interpreter would abort when it flushes `sys.stdout` at its end.
    """

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._stream.flush()
        self._fd = _descriptor(self._stream)
        self._encoding = self._stream.encoding or "utf-8"
        self._line = self._header = ""
        #: What is left of the last line, and whether a part of it was written.
        self._rest, self._is_begun = b"", False

    def write(self, line: str, header: str = "") -> None:
        """Write one line, preceded by the header if the header is new.

        Raises:
            BrokenPipeError: the reader has gone for good.
            SinkError: the line cannot be written.
        """
        # After an error the same line is passed again, or another one if it was dropped.
        if line != self._line:
            text = line if header == self._header else header + line
            begun = self._rest if self._is_begun else b""
            self._line, self._rest = line, begun + text.encode(self._encoding, "backslashreplace")
        try:
            while self._rest:
                self._rest = self._rest[self._write_some(self._rest) :]
                self._is_begun, self._header = True, header
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SinkError(f"cannot write events to standard output: {error.strerror or error}") from error
        self._line, self._is_begun = "", False

    def close(self) -> None:
        """Do nothing: standard output belongs to the process."""

    def _write_some(self, data: bytes) -> int:
        if self._fd is not None:
            return os.write(self._fd, data)
        self._stream.write(data.decode(self._encoding))
        self._stream.flush()
        return len(data)


def _descriptor(stream: object) -> int | None:
    """Return the descriptor of a text file; None for anything else, such as the output of a notebook's cell."""
    try:
        return stream.fileno() if isinstance(stream, io.TextIOWrapper) else None
    except OSError:
        return None
