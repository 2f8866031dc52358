"""Lines on standard output."""

from __future__ import annotations

import sys

from edge.errors import SinkError


class StandardOutput:
    """Appends lines, each flushed, so that a reader sees it at once."""

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._unflushed = self._header = ""

    def write(self, line: str, header: str = "") -> None:
        """Write one line, after a header where that is the first.

        Raises:
            BrokenPipeError: whoever read is gone, for good.
            SinkError: it cannot be written.
        """
        try:
            # A line that failed before is in the stream's buffer still: written again it would be there twice.
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
        """Leave it open: it is not ours."""
