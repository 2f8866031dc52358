"""`mien convert`: quantize, verify, inspect, export, micro."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "quantize": (
            "convert.cli.quantize:quantize",
            "Convert a float model to int8 .tflite, with proof of what it cost.",
        ),
        "verify": ("convert.cli.verify:verify", "Verify a .tflite against its float model."),
        "calibrate": (
            "convert.cli.calibrate:calibrate",
            "Fit the scores of a .tflite to how people name faces.",
        ),
        "inspect": ("convert.cli.inspect:inspect", "Show what is in a .tflite, of any origin."),
        "export": ("convert.cli.export:export", "Write a .tflite as ONNX."),
        "micro": ("convert.cli.micro:micro", "Write a .tflite as a C++ project for microcontrollers."),
    },
)
def convert() -> None:
    """Convert models to int8 .tflite, with proof of what it cost.

    All but `inspect` and `micro` need the extra 'train'.
    """
