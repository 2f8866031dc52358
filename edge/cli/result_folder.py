"""The folder of a benchmark's results: always JSON and CSV; charts and a page need the extra `report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from edge.errors import MissingExtraError, WrongUseError

RESULTS_JSON, RESULTS_CSV, REPORT_PAGE = "results.json", "results.csv", "report.html"

out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the results to this folder: JSON, CSV, charts and a report page.",
)


def check_empty(folder: Path, option: str = "--out") -> None:
    """Check before a long run that the folder, which this option names, can take the results.

    Raises:
        WrongUseError: it is a file, or not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUseError(f"{option} {folder} is not an empty folder: name a new folder, or empty this one")


def write_results(folder: Path, table: dict[str, Any], csv: str, draw: Callable[[Path], Sequence[str]]) -> None:
    """Write the results, and report on standard error what was written.

    Args:
        folder: where to.
        table: the results.
        csv: the same as CSV.
        draw: writes charts and the page into the folder, and returns the names of the charts; it may raise
            `MissingExtraError`.
    """
    from edge.system.atomic_files import replacing, write_json

    write_json(folder / RESULTS_JSON, table)
    with replacing(folder / RESULTS_CSV) as temporary:
        temporary.write_text(csv, "utf-8")
    try:
        charts = draw(folder)
    except MissingExtraError as error:
        click.echo(f"{folder}: wrote {RESULTS_JSON} and {RESULTS_CSV}, but no charts and no page: {error}", err=True)
        return
    click.echo(f"{folder}: wrote {', '.join((RESULTS_JSON, RESULTS_CSV, *charts, REPORT_PAGE))}", err=True)
