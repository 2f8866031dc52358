"""The proof as a page: one HTML file that needs nothing else, to attach to a review."""

from __future__ import annotations

from pathlib import Path

from convert.gate import worst_layers
from convert.proof import Proof
from edge.errors import MissingExtraError
from edge.files import replacing

#: A layer with all of this signal-to-noise ratio fills the bar of the chart.
FULL_BAR_DB = 60.0


def write_page(path: Path, proof: Proof) -> None:
    """Write the page, whole or not at all."""
    text = page(proof)
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def page(proof: Proof) -> str:
    """The HTML of the page.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("train", "jinja2") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("proof.html").render(
        proof=proof,
        look=proof.inspection,
        comparison=proof.comparison,
        worst={layer.layer for layer in worst_layers(proof.layers)} if proof.layers else set(),
        full_bar_db=FULL_BAR_DB,
        pair=lambda values: "" if values is None else f"{values[0]:.3g} … {values[1]:.3g}",
    )
