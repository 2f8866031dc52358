"""`mien convert verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from convert.cli.options import limit, quality_gate
from convert.quality_gate import Limits
from edge.cli.options import data, input_mapping, split, votes
from edge.cli.progress import progress_steps
from edge.datasets.data_set import DataSet
from edge.errors import ModelError
from edge.inference.shipped_models import path_of_model


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@votes
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    required=True,
    help="The run folder, .keras, .h5, .pt2, .onnx, SavedModel or .tflite that the model came from.",
)
@input_mapping
@limit
@quality_gate
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write the proof as JSON to this file; - prints it in place of the text.",
)
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write the proof as a page to this file.")
def verify(
    model: Path,
    data: DataSet,
    split: str,
    votes: Path | None,
    reference: Path,
    limit: int | None,
    limits: Limits,
    json_path: Path | None,
    html_path: Path | None,
    **mapping: Any,
) -> None:
    """Prove that a .tflite MODEL is what its card claims, and how well it agrees with the float model.

    Exits 1 if the file is damaged, is not of the scheme that its card names, or exceeds a limit.
    """
    from convert.analysis.proof_page import write_page
    from convert.api import verify as verify_model
    from edge.system.atomic_files import write_json

    json_to_stdout = json_path == Path("-")
    with progress_steps() as advance:
        proof = verify_model(
            path_of_model(model),
            reference,
            data,
            split=split,
            votes=votes,
            limit=limit,
            limits=limits,
            progress=advance,
            report=None if json_to_stdout else click.echo,
            warn=lambda line: click.echo(line, err=True),
            **mapping,
        )
    if json_to_stdout:
        click.echo(json.dumps(proof.as_dict()))
    else:
        click.echo(proof.as_text())
    if json_path is not None and not json_to_stdout:
        write_json(json_path, proof.as_dict())
    if html_path is not None:
        write_page(html_path, proof)
    if not proof.passed:
        raise ModelError(f"{model} exceeds the limits of the quality gate: {'; '.join(proof.violations)}")
