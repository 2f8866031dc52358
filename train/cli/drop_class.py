"""`mien train drop-class`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli.options import data as data_option
from edge.cli.options import read_with_progress
from edge.datasets.data_set import DataSet
from edge.errors import WrongUseError
from train.backend import import_keras
from train.cli.members import finished_run, out_option
from train.run_folder import RunFolder


@click.command("drop-class")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("labels", nargs=-1, required=True, metavar="LABEL...")
@data_option
@out_option
def drop_class(run: Path, labels: tuple[str, ...], data: DataSet, out: Path) -> None:
    """Remove the classes LABEL from a finished RUN: its softmax is over the others. Nothing is trained.

    A run on the votes of FER+ knows contempt, which FER-2013 and most applications do not. PublicTest of --data scores
    the result, so its classes must be those that are left.
    """
    before = finished_run(run)
    left = tuple(label for label in before["labels"] if label not in labels)
    data.check_exists()
    folder = RunFolder(out)
    folder.check_free()
    import_keras()

    from train.evaluation.prediction import keras_metrics
    from train.models.class_removal import remove_classes
    from train.models.keras_files import load_keras_model

    model = remove_classes(load_keras_model(RunFolder(run).model_keras), before["labels"], labels)
    faces = read_with_progress(data, ("PublicTest",))["PublicTest"]
    if faces.labels != left:
        raise WrongUseError(f"{', '.join(left)} would be left of {run}; {data} has {', '.join(faces.labels)}")
    scores = keras_metrics(model, faces, 256).as_dict()
    # Its classes are those of FER-2013 from now on, and so are the labels that it is measured with.
    trained_on = {key: before["data"][key] for key in ("labels", "label_mode") if key in before["data"]}
    source = {key: value for key, value in before["data"].items() if key not in trained_on}
    removed = {"labels": list(labels), "trained_on": trained_on, "before": before["scores"]}
    entries = {"labels": list(left), "parameters": model.count_params(), "data": source}
    folder.write_derived(RunFolder(run), model, {**before, **entries, "removed_classes": removed, "scores": scores})
    click.echo(f"{folder.model_keras}: {', '.join(left)}; {scores['accuracy']:.2%} of {len(faces)} faces")
