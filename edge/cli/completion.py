"""Completion of options' values in a shell: names first, and file names where no name begins like the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_names(names: Callable[[], Iterable[str]]) -> Complete:
    """Return what an option needs as `shell_complete`.

    Args:
        names: the names that may be given; called when a shell asks.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del context, parameter
        found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]

    return complete


def complete_schemes(schemes: Callable[[], Iterable[str]], bare: Iterable[str] = ()) -> Complete:
    """Return the same for values such as `camera:0`, of which the part before the colon is completed.

    Args:
        schemes: the names that may stand before a colon.
        bare: those that stand alone, too.
    """
    alone = frozenset(bare)
    return complete_names(lambda: [*sorted(alone), *(f"{scheme}:" for scheme in schemes() if scheme not in alone)])
