"""`mien train explore`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli.options import data, read_with_progress
from edge.datasets.data_set import DataSet
from train.cli.text_table import format_table
from train.data.exploration import Exploration


@click.command()
@data
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the charts.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed for the choice of samples."
)
def explore(data: DataSet, out: Path, seed: int) -> None:
    """Show what is in a data set: images of each class and split, samples, mean faces, duplicates.

    Writes classes.png, samples.png, means.png, duplicates.png where there are any, and explore.json. All but the
    first and the last show faces of the set: do not publish them where its terms forbid it.
    """
    from train.data.exploration import explore as explore_data
    from train.data.exploration import write_exploration
    from train.plots.style import new_figure

    # Fail before the work where matplotlib is missing.
    new_figure(1, 1)
    found = explore_data(read_with_progress(data, None))
    click.echo(format_exploration(found, data.name))
    for name, content in write_exploration(found, out, data.name, seed):
        click.echo(f"{out / name}: {content}")
    click.echo("samples.png, means.png and duplicates.png show faces of the set: check its terms before publishing")


def format_exploration(found: Exploration, name: str) -> str:
    """Text: a table of images of each class and split, then the duplicates."""
    splits = list(found.counts)
    labels = list(found.counts[splits[0]])
    totals = {split: sum(in_split.values()) for split, in_split in found.counts.items()}
    rows = [
        [
            label,
            *(f"{found.counts[split][label]:,} {found.counts[split][label] / totals[split]:>6.1%}" for split in splits),
        ]
        for label in labels
    ]
    # The totals end where the counts end, left of the shares.
    rows.append(["all", *(f"{totals[split]:,} {'':>6}" for split in splits)])
    lines = [format_table(["", *splits], rows, left=("",), title=f"{name}: images of each class")]
    for split in splits:
        groups, blank = found.duplicates[split], found.blanks[split]
        lines.append(
            f"{split}: {sum(len(group) - 1 for group in groups):,} faces are equal to another pixel for pixel; "
            f"{found.inconsistent_groups(split):,} of {len(groups):,} such faces have more than one label"
            + (f"; {len(blank)} blank" if blank else "")
        )
    for one in found.overlaps:
        exact, near = one.exact.counts(), one.near.counts()
        lines.append(
            f"{one.first} and {one.second}: {exact['first_faces']:,} faces of the first are in the second pixel for "
            f"pixel ({exact['second_faces']:,} of its faces); labels differ in {exact['labels_disagree']:,} of these "
            f"{exact['pairs']:,} pairs"
        )
        lines.append(
            f"{one.first} and {one.second}: {near['pairs']:,} other pairs are nearly the same photograph "
            f"({near['first_faces']:,} and {near['second_faces']:,} faces, {int(one.near.mirrored.sum()):,} mirrored); "
            f"labels differ in {near['labels_disagree']:,}"
        )
        if exact["pairs"] or near["pairs"]:
            lines.append(f"a model fitted on {one.first} has seen these faces: its scores on {one.second} are too high")
    return "\n".join(lines)
