"""`mien train adjust`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from edge.cli.options import data as data_option
from edge.cli.options import read_with_progress
from edge.datasets.data_set import DataSet
from edge.errors import WrongUseError
from train.backend import import_keras
from train.cli.members import finished_run, out_option
from train.run_folder import RunFolder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@data_option
@out_option
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    metavar="K",
    help="Of the logit adjustment.  [default: the one with the greatest macro recall on PublicTest that costs at most "
    "0.3 points of accuracy]",
)
def adjust(run: Path, data: DataSet, out: Path, strength: float | None) -> None:
    """Fold a temperature and a logit adjustment into the last layer of a finished RUN.

    The temperature with the least negative log-likelihood on PublicTest calibrates the scores; the logit
    adjustment, -K log(training share), has rare expressions recognized more often. Nothing is trained.
    """
    before = finished_run(run)
    if "score_adjustment" in before:
        raise WrongUseError(f"{run} is adjusted already: give the run that it was made from")
    data.check_exists()
    folder = RunFolder(out)
    folder.check_free()
    import_keras()

    from train.evaluation.prediction import keras_metrics, keras_probabilities
    from train.models.keras_files import load_keras_model
    from train.training.score_adjustment import (
        STRENGTHS,
        adjustment_of,
        best_strength,
        best_temperature,
        log_scores,
        quality,
    )

    model = load_keras_model(RunFolder(run).model_keras)
    faces = read_with_progress(data, ("Training", "PublicTest"))
    scored, training_ids = faces["PublicTest"], faces["Training"].class_ids
    if scored.labels != tuple(before["labels"]):
        raise WrongUseError(f"{run} has the classes {', '.join(before['labels'])}; {data} {', '.join(scored.labels)}")
    logits, n = log_scores(keras_probabilities(model, scored.images)), len(scored.labels)
    temperature = best_temperature(logits, scored.class_ids)
    unchanged = quality(adjustment_of(1.0, 0.0, training_ids, n)(logits), scored.class_ids)
    table = {
        k: quality(adjustment_of(temperature, k, training_ids, n)(logits), scored.class_ids)
        for k in (STRENGTHS if strength is None else sorted({0.0, strength}))
    }
    chosen = best_strength(table, unchanged) if strength is None else strength
    click.echo("strength  accuracy  macro recall    ECE    NLL")
    click.echo(
        f"{'before':>8}{unchanged.accuracy:>10.2%}{unchanged.macro_recall:>14.2%}{unchanged.ece:>7.3f}{unchanged.nll:>7.3f}"
    )
    for k, row in table.items():
        mark = " *" if k == chosen else ""
        click.echo(f"{k:>8.2f}{row.accuracy:>10.2%}{row.macro_recall:>14.2%}{row.ece:>7.3f}{row.nll:>7.3f}{mark}")
    adjustment = adjustment_of(temperature, chosen, training_ids, n)
    adjustment.fold(model)
    scores = keras_metrics(model, scored, 256).as_dict()
    entry = {
        "temperature": temperature,
        "strength": chosen,
        "shifts": {label: round(float(s), 6) for label, s in zip(scored.labels, adjustment.shifts, strict=True)},
        "split": "PublicTest",
        "before": asdict(unchanged),
        "after": asdict(table[chosen]),
    }
    folder.write_derived(RunFolder(run), model, {**before, "score_adjustment": entry, "scores": scores})
    click.echo(f"{folder.model_keras}: temperature {temperature:g}, strength {chosen:g}; {scores['accuracy']:.2%}")
