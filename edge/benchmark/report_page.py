"""The report: the results as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.benchmark.console_table import neighbor_text, title
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def write_page(path: Path, table: dict[str, Any], chart: str, selective_chart: str) -> None:
    """Write the page atomically.

    Args:
        path: the file.
        table: the results.
        chart: the Pareto chart as an SVG element.
        selective_chart: that of selective accuracy.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    neighbors = [neighbor_text(pair) for pair in table["neighbours"]]
    html = render_html(
        TEMPLATE,
        "report",
        table=table,
        title=title(table),
        chart=chart,
        neighbors=neighbors,
        curves=[(name, lines[0]) for name, lines in selective_curves(table).items()],
        selective_chart=selective_chart,
    )
    write_html(path, html)


def selective_curves(table: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return name to selective accuracy of the models that have it, as `write_selective_chart` takes them."""
    return {model["name"]: [model["accuracy"]["selective"]] for model in table["models"] if model["accuracy"]}
