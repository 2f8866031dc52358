"""Pages that need nothing but themselves, from templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing


def render_html(template: Path, extra: str, **values: Any) -> str:
    """Fill a Jinja template in; whatever it does not know is an error, whatever is put in is escaped.

    Args:
        template: the file.
        extra: of mien that brings jinja2, for the message where it lacks.
        values: by the names that the template has for them.

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
    """Write a page, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(html, "utf-8")
