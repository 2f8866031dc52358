"""Self-contained HTML pages, rendered from templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing


def render_html(template: Path, extra: str, **values: Any) -> str:
    """Render a Jinja template. An undefined name is an error, and all values are escaped.

    Args:
        template: the file.
        extra: name of mien's extra that includes jinja2, for the message if it is missing.
        values: the values of the template's names.

    Returns:
        The HTML.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError(extra, "jinja2") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def write_html(path: Path, html: str) -> None:
    """Write a page atomically."""
    with replacing(path) as temporary:
        temporary.write_text(html, "utf-8")
