"""Text tables without rules, by rich: for a terminal, a pipe and a log alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Wide enough for every table: a pipe or a log gets whole rows.
_WIDTH = 1000


def format_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str] = (), title: str = ""
) -> str:
    """Format an aligned table.

    Args:
        columns: the headings.
        rows: the cells of each row, one for each column.
        left: the headings of the columns that are aligned to the left; the others are aligned to the right.
        title: a line above the table.

    Returns:
        The lines, without a line break at the end.
    """
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for column in columns:
        table.add_column(Text(column), justify="left" if column in left else "right", no_wrap=True)
    for row in rows:
        # Names come from files and folders: brackets in them are not markup.
        table.add_row(*map(Text, row))
    console = Console(file=StringIO(), width=_WIDTH, color_system=None, legacy_windows=False)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join([title, *lines] if title else lines)
