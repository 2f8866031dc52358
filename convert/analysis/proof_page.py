"""The proof as a page: one HTML file that needs nothing else, to attach to a review."""

from __future__ import annotations

from pathlib import Path

from convert.analysis.proof import Proof
from convert.quality_gate import worst_layers
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "proof.html"
#: A layer with all of this signal-to-noise ratio fills the bar of the chart.
FULL_BAR_DB = 60.0


def write_page(path: Path, proof: Proof) -> None:
    """Write the page, whole or not at all."""
    write_html(path, page(proof))


def page(proof: Proof) -> str:
    """The HTML of the page.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    return render_html(
        TEMPLATE,
        "train",
        proof=proof,
        look=proof.inspection,
        comparison=proof.comparison,
        worst={layer.layer for layer in worst_layers(proof.layers)} if proof.layers else set(),
        full_bar_db=FULL_BAR_DB,
        pair=lambda values: "" if values is None else f"{values[0]:.3g} … {values[1]:.3g}",
    )
