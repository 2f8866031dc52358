"""The proof as a page: one self-contained HTML file, to attach to a review."""

from __future__ import annotations

from pathlib import Path

from convert.analysis.proof import Proof
from convert.quality_gate import worst_layers
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "proof.html"
#: The signal-to-noise ratio at which a layer's bar in the chart is full.
FULL_BAR_DB = 60.0


def write_page(path: Path, proof: Proof) -> None:
    """Write the page atomically.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    write_html(path, page(proof))


def page(proof: Proof) -> str:
    """Return the HTML of the page.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    return render_html(
        TEMPLATE,
        "train",
        proof=proof,
        inspection=proof.inspection,
        comparison=proof.comparison,
        worst={layer.layer for layer in worst_layers(proof.layers)} if proof.layers else set(),
        full_bar_db=FULL_BAR_DB,
        interval=lambda values: "" if values is None else f"{values[0]:.3g} … {values[1]:.3g}",
    )
