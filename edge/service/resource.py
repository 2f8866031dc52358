"""A resource of the daemon that stays open until the settings it depends on change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class ManagedResource(Generic[T]):
    """Holds one open context manager, and opens another one when it is asked for with another key."""

    def __init__(self) -> None:
        self._open: tuple[Hashable, AbstractContextManager[T], T] | None = None

    def get(self, key: Hashable, make: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what is open under `key`; otherwise close what is open, and open what `make` returns.

        The old one is closed first, because two cannot hold the same camera or port.
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
