"""A text file that events are appended to, line by line; what the file sinks share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from edge.errors import SinkError


class TextSink:
    """A file, or standard output. Each event is flushed, so that a reader sees it at once.

    A file is appended to: a daemon that starts again keeps what it wrote before.

    Args:
        path: the file; None for standard output.

    Raises:
        SinkError: it cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        try:
            self._stream: TextIO = (
                sys.stdout if path is None else path.open("a", encoding="utf-8", newline="", errors="backslashreplace")
            )
        except OSError as error:
            raise SinkError(f"cannot write events to {path}: {error.strerror or error}") from error
        if path is not None and not _ends_with_a_line(path):
            # The power went in the middle of a line: the next event begins one of its own.
            self.write_text("\n")

    def write_text(self, text: str) -> None:
        """Write and flush."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SinkError(
                f"cannot write events to {self._path or 'standard output'}: {error.strerror or error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            try:
                self._stream.close()
            except OSError as closing:
                if error is None:
                    raise SinkError(f"cannot write events to {self._path}: {closing.strerror}") from closing


def _ends_with_a_line(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
