"""`mien convert`: quantize, verify, inspect, export."""

from __future__ import annotations

import click

from edge.cli import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "quantize": (
            "convert.commands.quantize:quantize",
            "A float model to int8 .tflite, with proof of what it cost.",
        ),
        "verify": ("convert.commands.verify:verify", "Prove a .tflite against the float model it came from."),
        "inspect": ("convert.commands.inspect:inspect", "What is in a .tflite, of whatever origin."),
        "export": ("convert.commands.export:export", "A .tflite as ONNX."),
    },
)
def convert() -> None:
    """To int8 .tflite, with proof. All but inspect need the extra 'train'."""
