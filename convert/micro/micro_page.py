"""The proof of a microcontroller project as a page: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from convert.micro.micro_proof import MicroProof
from edge.evaluation.html import render_html, write_html

TEMPLATE = Path(__file__).parent / "templates" / "micro.html"


def write_micro_page(path: Path, proof: MicroProof) -> None:
    """Write the page atomically.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    write_html(
        path, render_html(TEMPLATE, "train", proof=proof, inspection=proof.inspection, measured=proof.comparison)
    )
