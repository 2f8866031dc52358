"""A resource of the daemon that stays open until the settings it depends on change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ManagedResource(Generic[T]):
    """Holds one open context manager, and opens another one when it is asked for with another key."""

    def __init__(self) -> None:
        self._open: tuple[Hashable, AbstractContextManager[T], T] | None = None
        self._held: tuple[Hashable, AbstractContextManager[T], T] | None = None

    def get(self, key: Hashable, make: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what is open under `key`; otherwise close what is open, and open what `make` returns.

        The old one is closed first, because two cannot hold the same camera or port.
        """
        if self._open is None or self._open[0] != key:
            self.close()
            context = make()
            self._open = key, context, context.__enter__()
        return self._open[2]

    def exchange(self, key: Hashable, make: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what is open under `key`; otherwise open what `make` returns, and hold the old one until `commit`."""
        self.commit()
        if self._open is None or self._open[0] != key:
            context = make()
            self._held, self._open = self._open, (key, context, context.__enter__())
        return self._open[2]

    @property
    def value(self) -> T | None:
        """What is open; None if nothing is."""
        return None if self._open is None else self._open[2]

    @property
    def key(self) -> Hashable:
        """The key of what is open; None if nothing is."""
        return None if self._open is None else self._open[0]

    def commit(self) -> None:
        """Close what `exchange` has replaced."""
        held, self._held = self._held, None
        _close(held)

    def roll_back(self) -> None:
        """Close what `exchange` has opened, and go back to what it has replaced."""
        if self._held is not None:
            opened, self._open, self._held = self._open, self._held, None
            _close(opened)

    def close(self) -> None:
        """Close what is open."""
        self.commit()
        opened, self._open = self._open, None
        _close(opened)


def _close(opened: tuple[Hashable, AbstractContextManager[Any], Any] | None) -> None:
    if opened is not None:
        opened[1].__exit__(None, None, None)
