"""Lazy exports: names of a module that are imported when they are first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from edge.errors import MissingExtraError


def lazy_exports(
    module: str, exports: Mapping[str, str], extra: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions `__getattr__` and `__dir__` of a module.

    Args:
        module: its name, for messages.
        exports: name to `module:attribute`, or to `module` for a whole module.
        extra: the extra of mien that the exports need.

    Raises:
        AttributeError: on use, there is no such name.
        MissingExtraError: on use, the extra is not installed.
    """

    def get(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        target, _, attribute = exports[name].partition(":")
        try:
            found = import_module(target)
        except ImportError as error:
            # A module of mien itself that is missing is a bug, not a missing extra.
            if extra is None or (error.name or "").split(".")[0] in ("", *_OWN):
                raise
            raise MissingExtraError(extra, error.name or target) from error
        return getattr(found, attribute) if attribute else found

    return get, lambda: sorted(exports)


_OWN = ("mien", "edge", "train", "convert", "deploy")
