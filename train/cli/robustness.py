"""`mien train robustness`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.cli.options import data, read_with_progress, split
from edge.cli.progress import progress
from edge.datasets.data_set import DataSet
from edge.system.atomic_files import write_json


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N faces, drawn at random.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the table to this file as JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
def robustness(model: Path, data: DataSet, split: str, limit: int | None, out: Path | None, as_json: bool) -> None:
    """Score MODEL on corrupted faces: blur, noise, light, JPEG, inaccurate face boxes.

    Each row is one corruption at five severities; each cell is the accuracy there, and its difference in points from
    the accuracy on the faces as they are.
    """
    from train.evaluation.corruption_accuracy import measure_robustness
    from train.evaluation.prediction import load_model

    loaded = load_model(model)
    faces = read_with_progress(data, (split,))[split].sample(limit, 0)
    with progress(f"scoring {model.name}") as advance:
        found = measure_robustness(loaded, faces, advance)
    table = {"model": model.name, "data": data.name, "split": split, **found.as_dict()}
    if as_json:
        click.echo(json.dumps(table))
    else:
        click.echo(f"{model} on {split}: accuracy {found.clean:.2%}, {found.n} faces without corruption")
        for corruption, accuracies in found.rows:
            cells = "".join(
                f"  {severity:>5g}: {accuracy:6.2%} ({100 * (accuracy - found.clean):+5.1f})"
                for severity, accuracy in zip(corruption.severities, accuracies, strict=True)
            )
            click.echo(f"{corruption.name:<14}{cells}  {corruption.unit}")
    if out is not None:
        write_json(out, table)
        click.echo(f"{out}: the table as numbers", err=as_json)
