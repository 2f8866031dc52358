"""`mien benchmark compare`: two results side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.tables import new_table, open_console, plain, print_line
from edge.errors import MienError

if TYPE_CHECKING:
    from edge.benchmark.comparison import Change


@click.command()
@click.argument("before", type=click.Path(path_type=Path), metavar="A.json")
@click.argument("after", type=click.Path(path_type=Path), metavar="B.json")
@click.option("--fail-on-regression", is_flag=True, help="Exit with 1 if a figure got worse by more than noise.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as one JSON object.")
def compare(before: Path, after: Path, fail_on_regression: bool, as_json: bool) -> None:
    """Compare two results of `mien benchmark`; figures that got worse by more than noise are red.

    Both must have scored the same faces. Accuracy is compared by McNemar's test. A latency has changed if the intervals
    of its median do not overlap and it changed by more than 10 %; memory, if it changed by more than 10 %.
    """
    from edge.benchmark.comparison import compare_results, damage_as_error, models_by_name, read_results

    tables = [read_results(before), read_results(after)]
    found = compare_results(*tables)
    with damage_as_error():
        names = [set(models_by_name(table)) for table in tables]
        only = {"A": sorted(names[0] - names[1]), "B": sorted(names[1] - names[0])}
        heads = [_head(name, path, table) for name, path, table in zip("AB", (before, after), tables, strict=True)]
    if as_json:
        files = {name: str(path) for name, path in zip("AB", (before, after), strict=True)}
        click.echo(json.dumps({"files": files, "changes": [asdict(change) for change in found], "only_in": only}))
    else:
        _print(heads, found, only)
    worse = [change for change in found if change.worse]
    if worse and fail_on_regression:
        figures = "; ".join(f"{c.model}: {c.figure} {_number(c.before)} -> {_number(c.after)}" for c in worse)
        raise MienError(f"{len(worse)} figure{'s' * (len(worse) > 1)} worse than noise: {figures}")


def _print(heads: list[list[str]], found: list[Change], only: dict[str, list[str]]) -> None:
    console = open_console()
    for line, *marks in heads:
        print_line(console, line)
        for mark in marks:
            print_line(console, mark, "bold red")
    rows = new_table()
    rows.add_column("model", overflow="fold")
    rows.add_column("figure")
    for column in ("A", "B", "B / A"):
        rows.add_column(column, justify="right", no_wrap=True)
    rows.add_column("")
    last = ""
    for change in found:
        verdict, style = ("worse", "red") if change.worse else ("better", "green") if change.better else ("", "")
        name, last = (change.model if change.model != last else ""), change.model
        ratio = f"{change.after / change.before:.2f}" if change.before else ""
        figures = _number(change.before), _number(change.after), ratio
        rows.add_row(plain(name), change.figure, *figures, verdict, style=style)
    console.print(rows)
    for where, missing in only.items():
        if missing:
            print_line(console, f"only in {where}: {', '.join(missing)}")


def _number(value: float) -> str:
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def _head(name: str, path: Path, table: dict[str, Any]) -> list[str]:
    """Return where one of the results comes from, and a line for each reason not to rely on it."""
    machine = table["conditions"]["machine"]
    origin = f"{table['created']}, mien {table['mien']}, {machine['board'] or machine['processor']}"
    return [f"{name}: {path}, {origin}", *(f"{name} is not reliable: {mark}" for mark in table["marks"])]
