"""Tables and colored lines on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.untrusted_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Width of a console that is a file or a pipe, in characters: wide enough for whole lines.
_FILE_WIDTH = 200


def open_console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal, or wide enough for every table if the output is not a terminal.

    Args:
        stderr: write to standard error.
    """
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_FILE_WIDTH)


def new_table() -> Table:
    """Return an empty table in the style of all of mien's tables: bold titles, no lines."""
    from rich.table import Table

    return Table(header_style="bold", box=None, pad_edge=False)


def plain(text: str, style: str = "") -> Text:
    """Return a text for a table or a line: it may hold names with brackets, which are not markup, or with escapes."""
    from rich.text import Text

    return Text(printable(text), style)


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print a text as `plain` has it, without wrapping it."""
    console.print(plain(text, style), soft_wrap=True, highlight=False)
