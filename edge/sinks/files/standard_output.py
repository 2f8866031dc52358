"""Lines on standard output."""

from __future__ import annotations

import sys

from edge.errors import SinkError


class StandardOutput:
    """Writes lines and flushes each, so that a reader sees it at once."""

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._unflushed = self._header = ""

    def write(self, line: str, header: str = "") -> None:
        """Write one line, preceded by the header if the header is new.

        Raises:
            BrokenPipeError: the reader has gone for good.
            SinkError: the line cannot be written.
        """
        try:
            # A line that failed is still in the stream's buffer: if it were written again, it would appear twice.
            if line != self._unflushed:
                self._stream.write(line if header == self._header else header + line)
                self._unflushed, self._header = line, header
            self._stream.flush()
            self._unflushed = ""
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SinkError(f"cannot write events to standard output: {error.strerror or error}") from error

    def close(self) -> None:
        """Do nothing: standard output belongs to the process."""
