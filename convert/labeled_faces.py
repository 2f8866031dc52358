"""Labeled faces for a float model: read with the labels that it was trained on, and checked against its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from convert.float_model import FloatModel
from edge.datasets.class_order import resolve_class_order
from edge.datasets.data_set import DataSet
from edge.datasets.faces import Faces, Progress
from edge.datasets.ferplus import relabel_by_votes
from edge.datasets.reader import load_dataset
from edge.errors import ModelError, WrongUseError


def read_labeled_faces(
    model: FloatModel,
    data: DataSet,
    splits: Sequence[str],
    votes: Path | None,
    *,
    class_order: Sequence[str] | None = None,
    progress: Progress | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> tuple[FloatModel, dict[str, Faces]]:
    """Read splits of a data set for a model.

    Args:
        model: the float model.
        data: `fer2013.csv` in any compression, or a folder of images.
        splits: names of the splits to read.
        votes: FER+'s votes, for a model that was trained on them; None for any other.
        class_order: the classes in the order of the outputs, as `edge.datasets.class_order.parse_class_order` returns
            it, for a model that does not name them; None for the order of the data.
        progress: called with the number of bytes or files that were read, and of all.
        on_bad: called with one line for each bad record that is left out.

    Returns:
        The model, with the labels of the data if it had none of its own, and the faces of each split, whose classes are
        in the order of the model's.

    Raises:
        WrongUseError: the model needs votes that are missing, or votes are given for a model that was not trained
            on them; or the order of the classes is given for a model that states it, or has other classes.
        ModelError: the model has other classes than the data.
        DataError: the data cannot be read.
    """
    label_mode = _ferplus_mode(model)
    if label_mode is not None and votes is None:
        raise WrongUseError(f"{model.path} was trained on FER+'s labels: give --votes fer2013new.csv")
    if label_mode is None and votes is not None:
        raise WrongUseError(f"{model.path} was not trained on FER+'s labels, as far as is known: leave --votes out")
    faces = load_dataset(data, splits, votes=votes, progress=progress, on_bad=on_bad)
    if label_mode is not None:
        faces = {split: relabel_by_votes(part, label_mode) for split, part in faces.items()}
    labels = next(iter(faces.values())).labels
    if model.names_classes and class_order is not None:
        raise WrongUseError(f"{model.path} states its classes ({', '.join(model.labels)}): leave --class-order out")
    if not model.names_classes and len(model.labels) == len(labels):
        # A model file alone does not name its classes: use those of the data if the numbers agree.
        model = replace(model, labels=labels if class_order is None else resolve_class_order(class_order, labels))
    if sorted(model.labels) == sorted(labels):
        return model, {split: part.with_labels(model.labels) for split, part in faces.items()}
    raise ModelError(
        f"{model.path} has {len(model.labels)} classes ({', '.join(model.labels) or 'without labels'}), "
        f"{data} has {len(labels)} ({', '.join(labels)}): expected the same"
    )


def _ferplus_mode(model: FloatModel) -> str | None:
    """Return how FER+'s votes became the labels that the model was trained on; None if it was trained on others."""
    trained_on = model.run_record.get("data") or (model.card.training_data if model.card else {})
    mode: str | None = trained_on.get("label_mode") if trained_on.get("labels") == "ferplus" else None
    return mode
