"""`mien convert micro`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from convert.cli.options import limit
from edge.cli.options import data_option, split
from edge.cli.parameter_types import BYTES
from edge.cli.progress import progress_steps
from edge.datasets.data_set import DataSet
from edge.errors import ModelError
from edge.inference.shipped_models import path_of_model


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; new or empty.")
@data_option("Labeled faces to compare on, as for `quantize`. Ten of them become the self-test.", required=False)
@split
@limit
@click.option("--max-arena", type=BYTES, help="Fail if the arena is larger: a number of bytes, or 64K.")
@click.option("--max-flash", type=BYTES, help="Fail if the constants in flash are larger: a number of bytes, or 512K.")
@click.option("--json", "as_json", is_flag=True, help="Print the proof as JSON.")
def micro(
    model: Path,
    out: Path,
    data: DataSet | None,
    split: str,
    limit: int | None,
    max_arena: int | None,
    max_flash: int | None,
    as_json: bool,
) -> None:
    """Write an int8 .tflite MODEL as a C++ project for microcontrollers. Needs the extra 'micro'.

    The project runs the network in TensorFlow Lite for Microcontrollers or in plain C, crops faces as mien does, and
    has a self-test. Its proof states what the network needs and, with --data, how it compares with LiteRT.
    """
    from convert.api import micro as export

    with progress_steps() as advance:
        proof = export(
            path_of_model(model),
            out,
            data,
            split=split,
            limit=limit,
            max_arena=max_arena,
            max_flash=max_flash,
            progress=advance,
            warn=lambda line: click.echo(line, err=True),
        )
    click.echo(json.dumps(proof.as_dict()) if as_json else proof.as_text())
    if not proof.passed:
        raise ModelError(f"{model} is not written: {'; '.join(proof.violations)}")
    click.echo(f"written to {out}: its README.md describes how to build it", err=as_json)
