"""What all sources share."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge.types import SourceEvent


def _nobody(event: SourceEvent) -> None:
    """Files neither come nor go."""


class ClosingSource:
    """A context manager that calls `close()`; a source starts from this."""

    name = ""
    total: int | None = None
    unreadable = 0
    dropped = 0
    live = False
    shrink = 1
    on_state: Callable[[SourceEvent], None] = staticmethod(_nobody)

    def close(self) -> None:
        """Let go of the camera or file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
