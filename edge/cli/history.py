"""`mien history`: what faces showed, by hour or day, from a file that the sink `sqlite:PATH` has written."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.duration import Seconds
from edge.history.periods import UNITS, Period, Unit, expressions_of, sum_up
from edge.history.stays import read_stays
from edge.system.atomic_files import check_writable, replacing
from edge.system.untrusted_text import spreadsheet_cell

if TYPE_CHECKING:
    from rich.table import Table

_LONGEST_S = 100 * 366 * 86400


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--by",
    "unit",
    type=click.Choice(UNITS),
    default="day",
    show_default=True,
    help="The length of a period; hour-of-day adds up the same hour of all days.",
)
@click.option(
    "--since",
    type=Seconds(1, _LONGEST_S),
    metavar="DURATION",
    help="Only the time since then, such as 12h or 7d. Default: the whole history.",
)
@click.option("--source", metavar="NAME", help="Only faces of this source, as events name it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; times in it are in UTC.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), metavar="FILE", help="Write the periods as CSV.")
@click.option(
    "--chart",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Draw the periods, as .png or .svg. Needs the extra 'report'.",
)
def history(
    path: Path,
    unit: Unit,
    since: float | None,
    source: str | None,
    as_json: bool,
    csv_path: Path | None,
    chart: Path | None,
) -> None:
    """Show what faces showed: the share of each expression by hour or day.

    PATH is the file of the sink sqlite:PATH. It may be read while mien writes to it. Times in the table are in local
    time.
    """
    from edge.history.chart import check_chart_path, write_chart

    if chart is not None:
        check_chart_path(chart)
    for written in filter(None, (csv_path, chart)):
        check_writable(written)
    since_s = None if since is None else time.time() - since
    periods = sum_up(read_stays(path, since_s, source), unit)
    # Before printing, which fails if the reader of the output has gone away.
    if csv_path is not None:
        _write_csv(csv_path, periods, unit)
    if chart is not None:
        write_chart(chart, periods)
    if as_json:
        table = {"history": str(path), "by": unit, "source": source, "periods": [p.as_dict() for p in periods]}
        click.echo(json.dumps(table))
    else:
        _print(periods)


def _write_csv(path: Path, periods: Sequence[Period], unit: Unit) -> None:
    expressions = expressions_of(periods)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        head = [
            "local_hour" if unit == "hour-of-day" else "start",
            "faces",
            "seconds",
            *(f"share_{expression}" for expression in expressions),
        ]
        rows.writerow(map(spreadsheet_cell, head))
        for period in periods:
            start, faces, seconds, shares = period.as_dict().values()
            rows.writerow([start, faces, seconds, *(shares.get(expression, 0.0) for expression in expressions)])


def _print(periods: Sequence[Period]) -> None:
    from edge.cli.tables import open_console, print_line

    console = open_console()
    if periods:
        console.print(_table(periods))
    else:
        print_line(console, "no faces in this time")


def _table(periods: Sequence[Period]) -> Table:
    from edge.cli.tables import new_table, plain

    expressions = expressions_of(periods)
    rows = new_table()
    rows.add_column("local time", no_wrap=True)
    for title in ("faces", "face time", *expressions):
        rows.add_column(plain(title), justify="right")
    for period in periods:
        shares = period.shares
        percent = (f"{shares[name]:.0%}" if shares.get(name) else "" for name in expressions)
        rows.add_row(period.title, str(period.faces), _as_time(period.seconds), *percent)
    return rows


def _as_time(seconds: float) -> str:
    """Return a length of time as hours, minutes and seconds: `1:05:09`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
