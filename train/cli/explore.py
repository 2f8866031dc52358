"""`mien train explore`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli.options import data, read_with_progress
from train.data.exploration import Exploration


@click.command()
@data
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the pictures.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the faces drawn as samples.")
def explore(data: Path, out: Path, seed: int) -> None:
    """Show what is in a data set: images a class and split, samples, mean faces, duplicates.

    Writes classes.png, samples.png, means.png, duplicates.png where there are any, and explore.json. All but the
    first and the last show faces of the set: do not publish them where its terms forbid it.
    """
    from train.data.exploration import explore as look
    from train.data.exploration import write_exploration
    from train.plots.style import new_figure

    # Before the work, not after it: matplotlib may be missing.
    new_figure(1, 1)
    found = look(read_with_progress(data, None))
    click.echo(format_exploration(found, data.name))
    for name, what in write_exploration(found, out, data.name, seed):
        click.echo(f"{out / name}: {what}")
    click.echo("samples.png, means.png and duplicates.png show faces of the set: mind its terms before publishing them")


def format_exploration(found: Exploration, name: str) -> str:
    """A table a person reads: images a class and split, then the faces that come twice."""
    splits = list(found.counts)
    labels = list(found.counts[splits[0]])
    width = max(len(label) for label in (*labels, "all"))
    lines = [f"{name}: images a class", f"{'':<{width}}" + "".join(f"{split:>20}" for split in splits)]
    totals = {split: sum(of_split.values()) for split, of_split in found.counts.items()}
    for label in labels:
        cells = ((found.counts[split][label], found.counts[split][label] / totals[split]) for split in splits)
        lines.append(f"{label:<{width}}" + "".join(f"{n:>11,} {share:>7.1%}" for n, share in cells))
    lines.append(f"{'all':<{width}}" + "".join(f"{totals[split]:>11,} {'':>7}" for split in splits).rstrip())
    for split in splits:
        groups, blank = found.copies[split], found.blanks[split]
        lines.append(
            f"{split}: {sum(len(group) - 1 for group in groups):,} faces are copies of another, pixel for pixel; "
            f"{found.disagreeing_copies(split):,} of {len(groups):,} such faces have more than one label"
            + (f"; {len(blank)} blank" if blank else "")
        )
    for one in found.across:
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
            lines.append(f"a model that was fitted on {one.first} knows these: its scores on {one.second} are too good")
    return "\n".join(lines)
