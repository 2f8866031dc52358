"""`mien benchmark compare`: two results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge.errors import MienError


@click.command()
@click.argument("before", type=click.Path(path_type=Path), metavar="A.json")
@click.argument("after", type=click.Path(path_type=Path), metavar="B.json")
@click.option("--fail-on-regression", is_flag=True, help="Exit 1 if a figure got worse by more than noise.")
def compare(before: Path, after: Path, fail_on_regression: bool) -> None:
    """Two results of `mien benchmark` side by side; what got worse by more than noise is red.

    Accuracy by McNemar's test where both scored the same faces, else by its intervals; a latency if the intervals of
    its median part and it moved by more than 10 %; memory if it moved by more than 10 %.
    """
    from rich.table import Table
    from rich.text import Text

    from edge.benchmark.comparison import changes, read_results
    from edge.benchmark.console_table import open_console

    tables = [read_results(before), read_results(after)]
    found = changes(*tables)
    console = open_console()
    for name, path, table in zip("AB", (before, after), tables, strict=True):
        console.print(Text(f"{name}: {path}, {_about(table)}"), soft_wrap=True, highlight=False)
        for mark in table["marks"]:
            console.print(Text(f"{name} is not to be trusted: {mark}", "bold red"), soft_wrap=True, highlight=False)
    rows = Table(header_style="bold", box=None, pad_edge=False)
    rows.add_column("model", overflow="fold")
    rows.add_column("figure")
    for column in ("A", "B", "B / A"):
        rows.add_column(column, justify="right", no_wrap=True)
    rows.add_column("")
    last = ""
    for change in found:
        said, style = ("worse", "red") if change.worse else ("better", "green") if change.better else ("", "")
        name, last = (change.model if change.model != last else ""), change.model
        ratio = f"{change.after / change.before:.2f}" if change.before else ""
        rows.add_row(Text(name), change.figure, _number(change.before), _number(change.after), ratio, said, style=style)
    console.print(rows)
    names = [{model["name"] for model in table["models"]} for table in tables]
    for where, only in (("A", names[0] - names[1]), ("B", names[1] - names[0])):
        if only:
            console.print(Text(f"only in {where}: {', '.join(sorted(only))}"), soft_wrap=True, highlight=False)
    worse = [change for change in found if change.worse]
    if worse and fail_on_regression:
        text = "; ".join(f"{c.model}: {c.figure} {_number(c.before)} -> {_number(c.after)}" for c in worse)
        raise MienError(f"{len(worse)} worse than noise: {text}")


def _number(value: float) -> str:
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def _about(table: dict[str, Any]) -> str:
    machine = table["conditions"]["machine"]
    return f"{table['created']}, mien {table['mien']}, {machine['board'] or machine['processor']}"
