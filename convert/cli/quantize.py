"""`mien convert quantize`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convert.cli.options import limit, quality_gate
from convert.schemes import AUTO, ESTIMATORS, SCHEMES
from edge.cli.options import class_order, data_option, input_mapping, split, votes
from edge.cli.progress import progress_steps
from edge.datasets.data_set import DataSet

if TYPE_CHECKING:
    from convert.analysis.proof import Proof


def _deprecated(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    if value:
        click.echo("--keep-refused is deprecated: use --keep-rejected", err=True)
    return value


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data_option("Faces to calibrate and score on: fer2013.csv or a folder.", required=False)
@click.option(
    "--frames",
    type=click.Path(path_type=Path),
    metavar="CLIP",
    help="In place of --data: a clip or folder to calibrate a detector on.",
)
@split
@votes
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The .tflite to write, or a folder for several schemes.",
)
@click.option(
    "--scheme",
    "schemes",
    type=click.Choice(SCHEMES),
    multiple=True,
    default=("int8",),
    show_default=True,
    help="Scheme to convert to; may be given several times.",
)
@click.option(
    "--samples", type=click.IntRange(1), default=500, show_default=True, help="Number of images to calibrate on."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random draw of those images."
)
@click.option("--keep-float", metavar="LAYER", multiple=True, help="A layer to keep in float; may be given again.")
@click.option(
    "--ranges",
    type=click.Choice((AUTO, *ESTIMATORS)),
    default=AUTO,
    show_default=True,
    help="How the ranges of the activations are estimated; auto compares the others by their agreement with the float "
    "model, on faces of Training that were not drawn.",
)
@limit
@quality_gate
@input_mapping
@class_order
@click.option("--keep-rejected", is_flag=True, help="Write what the quality gate rejects as NAME-rejected.tflite.")
@click.option("--keep-refused", is_flag=True, hidden=True, callback=_deprecated, help="The old --keep-rejected.")
@click.option("--name", help="Name in the card.  [default: the recipe's]")
@click.option("--version", type=click.IntRange(1), help="Version in the card.  [default: the float model's, or 1]")
@click.option("--licence", "license", default="", help="License of the weights, for the card.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a line of JSON for each scheme: its proof, and as `written` the file, null if rejected.",
)
def quantize(
    model: Path,
    data: DataSet | None,
    out: Path,
    keep_rejected: bool,
    keep_refused: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert MODEL to a .tflite with a card and a proof.

    MODEL is a run folder, a .keras, .h5, .pt2 (torch.export), .onnx or float .tflite file, or a SavedModel folder. It
    is calibrated on a class-balanced draw from Training and scored on --split. Its proof is written beside it, as JSON
    and as a page. If the model exceeds a limit, the command exits 1 and writes nothing.
    """
    from convert.api import quantize as convert_model

    def print_proof(proof: Proof, file: Path | None) -> None:
        click.echo(json.dumps({"written": None if file is None else str(file), **proof.as_dict()}))

    with progress_steps() as advance:
        convert_model(
            model,
            data,
            out,
            keep_rejected=keep_rejected or keep_refused,
            progress=advance,
            report=None if as_json else click.echo,
            on_proof=print_proof if as_json else None,
            warn=lambda line: click.echo(line, err=True),
            **options,
        )
