"""What all sources share."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from edge.types import SourceEvent


class ClosingSource:
    """A context manager that calls `close()`; a source starts from this."""

    name = ""
    total: int | None = None
    unreadable = 0
    dropped = 0
    live = False
    can_downscale = False

    def state_events(self) -> list[SourceEvent]:
        """Return no change of state: a source that is read directly is there, or raises an error."""
        return []

    def request_downscale(self, factor: int) -> None:
        """Ignore the request: a source that is read directly keeps the size that it was opened with."""

    def close(self) -> None:
        """Let go of the camera or file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
