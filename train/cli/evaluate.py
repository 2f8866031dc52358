"""`mien train evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.benchmark.class_order_check import find_better_order
from edge.cli.options import class_order, data, input_mapping, read_with_progress, split, votes
from edge.datasets.class_order import resolve_class_order
from edge.datasets.data_set import DataSet
from edge.errors import WrongUseError
from edge.evaluation.classification import Metrics
from edge.inference.pixel_mapping import PixelMapping
from train.cli.text_table import format_table
from train.plots.style import LONGEST_FILE, cut

if TYPE_CHECKING:
    from train.evaluation.evaluation_report import Evaluation


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@votes
@input_mapping
@class_order
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N faces, drawn at random.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the charts and metrics.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, as metrics.json has it.")
def evaluate(
    model: Path,
    data: DataSet,
    split: str,
    votes: Path | None,
    limit: int | None,
    out: Path | None,
    as_json: bool,
    input_range: tuple[float, float] | None,
    input_mean: tuple[float, ...] | None,
    input_std: tuple[float, ...] | None,
    class_order: tuple[str, ...] | None,
) -> None:
    """Score MODEL on a split: accuracy, macro-F1, recall and precision of each class, confusion, AUC, ECE.

    MODEL is a .keras, .h5 or .tflite file, a run folder, a SavedModel folder, or the name of a shipped model. With
    --out: confusion.png, roc.png, reliability.png, mistakes.png, predictions.png, classification_report.txt and
    metrics.json. mistakes.png and predictions.png show faces of the data set: do not publish them where the set's
    terms forbid it.
    """
    from train.evaluation.evaluation_report import check_report_folder, evaluate_on_votes, write_evaluation
    from train.evaluation.evaluation_report import evaluate as evaluate_model
    from train.evaluation.input_range_check import find_better_range
    from train.evaluation.prediction import load_model

    if out is not None:
        check_report_folder(out)
    loaded = load_model(model, PixelMapping.of(input_range, input_mean, input_std))
    faces = read_with_progress(data, (split,), votes)[split].sample(limit, 0)
    if class_order is not None:
        if loaded.labels:
            raise WrongUseError(f"{model} states its classes ({', '.join(loaded.labels)}): leave --class-order out")
        faces = faces.with_labels(resolve_class_order(class_order, faces.labels))
    found = evaluate_model(loaded, faces)
    if not loaded.labels and class_order is None:
        other = find_better_order(found.metrics.confusion, found.labels)
        if other is not None:
            advice = f"{other}; give --class-order {other.name}"
            click.echo(f"warning: {model} seems to have its classes in another order: {advice}", err=True)
    if loaded.mapping is not None:
        better = find_better_range(loaded.probabilities, faces.images, found.class_ids, loaded.mapping)
        if better is not None:
            click.echo(f"warning: {model} seems to have been trained on other values: {better}", err=True)
    report: dict[str, Any] = {"model": str(model), "data": data.name, "split": split}
    if votes is not None:
        report["ferplus_majority"] = evaluate_on_votes(found, faces)
    if as_json:
        click.echo(json.dumps({**report, **found.as_dict()}))
    else:
        _print(found, f"{model} on {split}", report.get("ferplus_majority"))
    if out is not None:
        for name, content in write_evaluation(found, faces, out, _title(loaded.path, split), report):
            click.echo(f"{out / name}: {content}", err=as_json)
    elif not as_json:
        click.echo("give --out DIR for the charts: confusion, ROC, reliability, right and wrong predictions")


def _print(found: Evaluation, title: str, majority: dict[str, Any] | None) -> None:
    click.echo(format_metrics(found.metrics, title))
    areas = found.roc.as_dict()
    click.echo(
        f"AUC {_rate(areas['macro'])} macro, {_rate(areas['micro'])} micro; expected calibration error "
        f"{found.calibration.ece:.4f} in {len(found.calibration.bins)} bins"
    )
    if found.roc.undefined:
        click.echo(f"no AUC, and not part of the macro AUC: {', '.join(found.roc.undefined)}")
    if majority is not None:
        click.echo(
            f"against FER+'s majority vote: {majority['accuracy']:.2%} of {majority['n']} faces with one "
            f"({majority['left_out']} left out: without one, or not of a class of the model)"
        )


def format_metrics(metrics: Metrics, title: str) -> str:
    """The metrics as a text table: the totals, then one row for each class with its row of the confusion matrix."""
    labels = list(metrics.recall)
    predicted = [label if len(label) <= 8 else f"{label[:7]}…" for label in labels]
    rows = [
        [
            label,
            f"{metrics.recall[label]:.1%}",
            f"{metrics.precision[label]:.1%}",
            str(metrics.support[label]),
            "",
            *map(str, metrics.confusion[row]),
        ]
        for row, label in enumerate(labels)
    ]
    totals = f"accuracy {metrics.accuracy:.2%}, macro-F1 {metrics.macro_f1:.4f}, {metrics.n} faces"
    columns = ["", "recall", "precision", "faces", "predicted as:", *predicted]
    return format_table(columns, rows, left=("",), title=f"{title}: {totals}")


def _title(model: Path, split: str) -> str:
    """The title of the charts. Every run folder's model is called model.keras: its folder identifies it."""
    name = model.name if model.suffix == ".tflite" else f"{model.resolve().parent.name}/{model.name}"
    return f"{cut(name, LONGEST_FILE)} on {split}"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
