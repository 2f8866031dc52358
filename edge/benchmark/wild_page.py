"""The results of `mien benchmark wild` as self-contained HTML pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.benchmark.face_matching import size_titles
from edge.benchmark.wild_results import chain_rows
from edge.benchmark.wild_table import chain_title, detector_title
from edge.evaluation.html import render_html, write_html

TEMPLATES = Path(__file__).parent / "templates"


def write_chain_page(path: Path, table: dict[str, Any], selective_chart: str) -> None:
    """Write the page of results on photographs, atomically.

    Args:
        path: the file.
        table: the results.
        selective_chart: the chart of selective accuracy as an SVG element.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    rows = list(chain_rows(table))
    curves = [
        (f"{model['name']}, {scores}", figures["selective"]) for model, scores, figures in rows if figures["selective"]
    ]
    predicted = list(dict.fromkeys(label for _, _, figures in rows for label in figures["columns"]))
    html = render_html(
        TEMPLATES / "wild.html",
        "report",
        table=table,
        title=chain_title(table),
        rows=rows,
        predicted=predicted,
        curves=curves,
        selective_chart=selective_chart,
    )
    write_html(path, html)


def write_detector_page(path: Path, table: dict[str, Any]) -> None:
    """Write the page of results with boxes, atomically.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    html = render_html(
        TEMPLATES / "detectors.html", "report", table=table, title=detector_title(table), sizes=size_titles()
    )
    write_html(path, html)


def chain_curves(table: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return name to selective accuracy, raw and with the prior, as `write_selective_chart` takes them."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for model, _, figures in chain_rows(table):
        if figures["selective"]:
            curves.setdefault(model["name"], []).append(figures["selective"])
    return curves
