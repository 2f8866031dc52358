"""A part of the daemon that stays open until its settings change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class ManagedResource(Generic[T]):
    """Opens a context manager, and another one when it is asked for with another key."""

    def __init__(self) -> None:
        self._open: tuple[Hashable, AbstractContextManager[T], T] | None = None

    def get(self, key: Hashable, make: Callable[[], AbstractContextManager[T]]) -> T:
        """What was opened under `key`; else what is open is closed, and `make` opens another.

        Closed first: two cannot have one camera, or one port.
        """
        if self._open is None or self._open[0] != key:
            self.close()
            context = make()
            self._open = key, context, context.__enter__()
        return self._open[2]

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            context, self._open = self._open[1], None
            context.__exit__(None, None, None)
