"""The base class of the sinks that write lines of text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from edge.errors import WrongUseError
from edge.sinks.files.line_file import LineFile
from edge.sinks.files.rotation import Rotation
from edge.sinks.files.standard_output import StandardOutput
from edge.sinks.sink import Sink
from edge.sinks.sink_uri import SinkUri

_STANDARD_OUTPUT = "-"


class TextSink(Sink):
    """Writes to a file or to standard output. Each event is visible to a reader at once.

    A file is appended to, so that a daemon that is restarted keeps what it wrote before.

    Args:
        path: the file; None for standard output.
        rotation: when to start a new file; None for never.

    Raises:
        SinkError: the file cannot be written.
    """

    options: ClassVar[tuple[str, ...]] = ("rotate", "keep")

    def __init__(self, path: Path | None, rotation: Rotation | None = None) -> None:
        self.is_standard_output = path is None
        self._lines = StandardOutput() if path is None else LineFile(path, rotation)

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], Sink]:
        """See `Sink.prepare`; the target is a path, or `-` for standard output."""
        if not uri.target:
            raise uri.invalid_target(cls.usage)
        rotation = Rotation.from_options(uri)
        if uri.target != _STANDARD_OUTPUT:
            return lambda: cls(Path(uri.target), rotation)
        if rotation:
            raise WrongUseError(f"rotate of sink {uri.name}: standard output cannot be rotated, expected a file")
        return lambda: cls(None)

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
