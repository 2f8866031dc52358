"""The results as a page: one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.benchmark.table import neighbour_text, title
from edge.errors import MissingExtraError
from edge.files import replacing


def write_page(path: Path, table: dict[str, Any], chart: str) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the file.
        table: the results.
        chart: the front as an SVG element.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("report", "jinja2") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html").render(
        table=table,
        title=title(table),
        chart=chart,
        neighbours=[(pair, neighbour_text(pair)) for pair in table["neighbours"]],
    )
    with replacing(path) as temporary:
        temporary.write_text(html, "utf-8")
