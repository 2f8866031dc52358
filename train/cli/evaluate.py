"""`mien train evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge.cli.options import data, read_with_progress, split, votes
from edge.evaluation.classification import Metrics
from train.plots.style import LONGEST_FILE, cut


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@votes
@click.option("--limit", type=click.IntRange(1), help="At most so many faces.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the charts and metrics.json.")
def evaluate(model: Path, data: Path, split: str, votes: Path | None, limit: int | None, out: Path | None) -> None:
    """Score MODEL on a split: accuracy, macro-F1, recall and precision a class, confusion, AUC, ECE.

    MODEL is a .keras, .h5 or .tflite file, or a SavedModel folder. With --out: confusion.png, roc.png,
    reliability.png, mistakes.png, classification_report.txt and metrics.json. mistakes.png shows faces of the data
    set: do not publish it where the set's terms forbid it.
    """
    from train.evaluation.evaluation_report import check_out, evaluate_on_votes, write_evaluation
    from train.evaluation.evaluation_report import evaluate as evaluate_model
    from train.evaluation.prediction import load_model

    if out is not None:
        check_out(out)
    loaded = load_model(model)
    faces = read_with_progress(data, (split,), votes)[split].sample(limit, 0)
    found = evaluate_model(loaded, faces)
    report: dict[str, Any] = {"model": str(model), "data": data.name, "split": split}
    click.echo(format_metrics(found.metrics, f"{model} on {split}"))
    areas = found.roc.as_dict()
    click.echo(
        f"AUC {_rate(areas['macro'])} macro, {_rate(areas['micro'])} micro; expected calibration error "
        f"{found.calibration.ece:.4f} in {len(found.calibration.bins)} bins"
    )
    if found.roc.left_out:
        click.echo(f"without an AUC of its own, and not in the macro one: {', '.join(found.roc.left_out)}")
    if votes is not None:
        majority = evaluate_on_votes(found, faces)
        report["ferplus_majority"] = majority
        click.echo(
            f"against FER+'s majority: {majority['accuracy']:.2%} of {majority['n']} faces with one "
            f"({majority['left_out']} without one, or of no class of the model, left out)"
        )
    if out is None:
        click.echo("--out DIR draws the charts: confusion, ROC, reliability, the most confident mistakes")
        return
    for name, what in write_evaluation(found, faces, out, _title(model, split), report):
        click.echo(f"{out / name}: {what}")


def format_metrics(metrics: Metrics, title: str) -> str:
    """A table a person reads: the whole, then a row a class with its confusions."""
    labels = list(metrics.recall)
    width = max(9, *(len(label) for label in labels))
    heads = [label if len(label) <= 8 else f"{label[:7]}…" for label in labels]
    lines = [
        f"{title}: accuracy {metrics.accuracy:.2%}, macro-F1 {metrics.macro_f1:.4f}, {metrics.n} faces",
        f"{'':<{width}} {'recall':>8}{'precision':>11}{'faces':>7}   answered as " + " ".join(f"{x:>8}" for x in heads),
    ]
    for row, label in enumerate(labels):
        answers = " ".join(f"{count:>8}" for count in metrics.confusion[row])
        lines.append(
            f"{label:<{width}} {metrics.recall[label]:>8.1%}{metrics.precision[label]:>11.1%}"
            f"{metrics.support[label]:>7}{'':<15}{answers}"
        )
    return "\n".join(lines)


def _title(model: Path, split: str) -> str:
    """What charts are headed with. Every run folder's model is called model.keras: the folder tells which it is."""
    name = model.name if model.suffix == ".tflite" else f"{model.resolve().parent.name}/{model.name}"
    return f"{cut(name, LONGEST_FILE)} on {split}"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
