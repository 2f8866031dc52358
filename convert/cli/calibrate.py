"""`mien convert calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.cli.options import data, split
from edge.cli.progress import progress_steps
from edge.datasets.data_set import DataSet


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option(
    "--votes",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="FER+'s votes for the same rows: the file fer2013new.csv.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The .tflite to write.  [default: replace the card in MODEL]",
)
@click.option(
    "--regularization",
    type=click.FloatRange(0, min_open=True),
    default=0.03,
    show_default=True,
    metavar="C",
    help="scikit-learn's C: a smaller one keeps the weights smaller.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random draw of the folds."
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the calibration as JSON in place of the text.")
def calibrate(
    model: Path,
    data: DataSet,
    split: str,
    votes: Path,
    out: Path | None,
    regularization: float,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """Fit the scores of a .tflite MODEL to how people name faces, for `--prior room`.

    A matrix from the logarithms of the scores to the votes of FER+ is fitted on --split and written into the model
    card. The network is not changed. The figures after the calibration are cross-validated.
    """
    from convert.calibrated_card import calibrate as calibrate_model

    with progress_steps() as advance:
        card = calibrate_model(
            model,
            data,
            votes,
            out,
            split=split,
            regularization=regularization,
            seed=seed,
            force=force,
            progress=advance,
            report=None if as_json else click.echo,
            warn=lambda line: click.echo(line, err=True),
        )
    if as_json:
        click.echo(json.dumps(card.score_calibration))
