"""Maps names to the classes that implement them: those of mien, and those of installed plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from edge.errors import WrongUseError, first_line

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes by name. A class is imported when it is asked for, not before.

    A package adds a class by an entry point of the group, such as this one in its `pyproject.toml`::

        [project.entry-points."mien.detectors"]
        my-detector = "my_package:MyDetector"

    Args:
        group: the entry-point group, such as `mien.detectors`.
        kind: the word for one entry in messages, such as `detector`.
        builtin: name to `module:Class` of the classes that mien brings. A plug-in cannot replace one of them.
    """

    def __init__(self, group: str, kind: str, builtin: Mapping[str, str]) -> None:
        self._group, self._kind, self._builtin = group, kind, dict(builtin)

    def names(self) -> tuple[str, ...]:
        """All names: the built-in ones in their order, then those of plug-ins, sorted. Nothing is imported."""
        return (*self._builtin, *sorted(self._plugins()))

    def __contains__(self, name: object) -> bool:
        return name in self._builtin or name in self._plugins()

    def get(self, name: str) -> type[T]:
        """Import and return the class with that name.

        Raises:
            WrongUseError: there is no such name, or a plug-in cannot be imported.
        """
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            found: type[T] = getattr(import_module(module), attribute)
            return found
        plugins = self._plugins()
        if name not in plugins:
            raise WrongUseError(f"no {self._kind} {name!r}: expected one of {', '.join(self.names())}")
        try:
            loaded: type[T] = plugins[name].load()
        except Exception as error:
            where = plugins[name].value
            raise WrongUseError(f"the {self._kind} {name} ({where}) cannot be imported: {first_line(error)}") from error
        return loaded

    def _plugins(self) -> dict[str, EntryPoint]:
        found = entry_points(group=self._group)
        return {entry.name: entry for entry in found if entry.name not in self._builtin}
