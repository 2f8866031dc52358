"""`mien train robustness`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli.options import data, progress, read_with_progress, split
from edge.system.atomic_files import write_json


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many faces.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The table as JSON.")
def robustness(model: Path, data: Path, split: str, limit: int | None, out: Path | None) -> None:
    """Score MODEL on faces that a camera has made worse: blur, noise, light, JPEG, a face box that is off.

    A row is one kind of harm at five severities; each cell the accuracy there, and how many points it is below that of
    the faces as they are.
    """
    from train.evaluation.corruption_accuracy import measure
    from train.evaluation.prediction import load_model

    loaded = load_model(model)
    faces = read_with_progress(data, (split,))[split].sample(limit, 0)
    with progress(f"scoring {model.name}") as advance:
        found = measure(loaded, faces, advance)
    click.echo(f"{model} on {split}: accuracy {found.clean:.2%}, {found.n} faces as they are")
    for one, accuracies in found.rows:
        cells = "".join(
            f"  {severity:>5g}: {accuracy:6.2%} ({100 * (accuracy - found.clean):+5.1f})"
            for severity, accuracy in zip(one.severities, accuracies, strict=True)
        )
        click.echo(f"{one.name:<14}{cells}  {one.unit}")
    if out is not None:
        write_json(out, {"model": model.name, "data": data.name, "split": split, **found.as_dict()})
        click.echo(f"{out}: the same as numbers")
