"""`mien train evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.commands.options import data, read_with_progress, split
from edge.files import write_json
from edge.metrics import Metrics
from train.backend import import_keras


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--votes", type=click.Path(path_type=Path), help="FER+ votes (fer2013new.csv) for the same rows.")
@click.option("--limit", type=click.IntRange(1), help="At most so many faces.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for metrics.json.")
def evaluate(model: Path, data: Path, split: str, votes: Path | None, limit: int | None, out: Path | None) -> None:
    """Score a .keras MODEL on a split: accuracy, macro-F1, recall and precision a class, confusion."""
    import_keras()

    from train.evaluate import evaluate as evaluate_model
    from train.evaluate import evaluate_on_votes, load_keras_model

    loaded = load_keras_model(model)
    faces = read_with_progress(data, (split,), votes)[split].sample(limit, 0)
    metrics = evaluate_model(loaded, faces)
    report = {"model": str(model), "data": data.name, "split": split, "scores": metrics.as_dict()}
    click.echo(format_metrics(metrics, f"{model} on {split}"))
    if votes is not None:
        majority = evaluate_on_votes(loaded, faces)
        report["ferplus_majority"] = majority
        click.echo(f"against FER+'s majority: {majority['accuracy']:.2%} of {majority['n']} faces with one")
    if out is not None:
        write_json(out / "metrics.json", report)


def format_metrics(metrics: Metrics, title: str) -> str:
    """A table a person reads: the whole, then a row a class with its confusions."""
    labels = list(metrics.recall)
    lines = [
        f"{title}: accuracy {metrics.accuracy:.2%}, macro-F1 {metrics.macro_f1:.4f}, {metrics.n} faces",
        f"{'':<10}{'recall':>8}{'precision':>11}{'faces':>7}   answered as " + " ".join(f"{x:>8}" for x in labels),
    ]
    for row, label in enumerate(labels):
        answers = " ".join(f"{count:>8}" for count in metrics.confusion[row])
        lines.append(
            f"{label:<10}{metrics.recall[label]:>8.1%}{metrics.precision[label]:>11.1%}"
            f"{metrics.support[label]:>7}{'':<15}{answers}"
        )
    return "\n".join(lines)
