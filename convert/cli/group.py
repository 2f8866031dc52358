"""`mien convert`: quantize, verify, inspect, export."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "quantize": (
            "convert.cli.quantize:quantize",
            "A float model to int8 .tflite, with proof of what it cost.",
        ),
        "verify": ("convert.cli.verify:verify", "Prove a .tflite against the float model it came from."),
        "inspect": ("convert.cli.inspect:inspect", "What is in a .tflite, of whatever origin."),
        "export": ("convert.cli.export:export", "A .tflite as ONNX."),
    },
)
def convert() -> None:
    """Convert models to int8 .tflite, with proof of what it cost. All but `inspect` need the extra 'train'."""
