"""The results as a page: one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.benchmark.console_table import neighbor_text, title
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def write_page(path: Path, table: dict[str, Any], chart: str) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the file.
        table: the results.
        chart: the front as an SVG element.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    neighbours = [neighbor_text(pair) for pair in table["neighbours"]]
    html = render_html(TEMPLATE, "report", table=table, title=title(table), chart=chart, neighbours=neighbours)
    write_html(path, html)
