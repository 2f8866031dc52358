"""What the sinks share that write lines of text."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from edge.sinks.files.line_file import LineFile
from edge.sinks.files.rotation import Rotation
from edge.sinks.files.standard_output import StandardOutput


class TextSink:
    """A file, or standard output. Each event is there for a reader at once.

    A file is appended to: a daemon that starts again keeps what it wrote before.

    Args:
        path: the file; None for standard output.
        rotation: when a file makes room for a new one.

    Raises:
        SinkError: it cannot be written.
    """

    def __init__(self, path: Path | None, rotation: Rotation | None = None) -> None:
        self._lines = StandardOutput() if path is None else LineFile(path, rotation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
