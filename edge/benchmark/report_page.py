"""The report: the results as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.benchmark.console_table import neighbor_text, title
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def write_page(path: Path, table: dict[str, Any], chart: str) -> None:
    """Write the page atomically.

    Args:
        path: the file.
        table: the results.
        chart: the Pareto chart as an SVG element.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    neighbors = [neighbor_text(pair) for pair in table["neighbours"]]
    html = render_html(TEMPLATE, "report", table=table, title=title(table), chart=chart, neighbors=neighbors)
    write_html(path, html)
