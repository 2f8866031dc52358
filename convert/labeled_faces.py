"""Labelled faces for a model: read under the labels that it learnt, and held against its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convert.float_model import FloatModel
from edge.cli.options import read_with_progress
from edge.datasets.ferplus import relabel_by_votes
from edge.datasets.reader import Faces
from edge.errors import ModelError, WrongUseError


def read_labeled_faces(
    source: FloatModel, data: Path, splits: Sequence[str], votes: Path | None
) -> tuple[FloatModel, dict[str, Faces]]:
    """The named splits, and the model with its classes named.

    Args:
        source: the float model.
        data: the data set.
        splits: which of it to read.
        votes: FER+'s, for a model that learnt from them; None for any other.

    Raises:
        WrongUseError: votes are missing, or not the model's.
        ModelError: it answers other classes than the data has.
    """
    learnt = _learnt_by(source)
    if learnt is not None and votes is None:
        raise WrongUseError(f"{source.path} learnt FER+'s labels: give --votes fer2013new.csv")
    if learnt is None and votes is not None:
        raise WrongUseError(f"{source.path} did not learn FER+'s labels, as far as is known: leave --votes out")
    faces = read_with_progress(data, splits, votes)
    if learnt is not None:
        faces = {split: relabel_by_votes(part, learnt) for split, part in faces.items()}
    labels = next(iter(faces.values())).labels
    if not source.run and source.card is None and len(source.labels) == len(labels):
        # A model that stands alone does not say what its classes are: the data's, if they are as many.
        source = replace(source, labels=labels)
    if source.labels != labels:
        raise ModelError(
            f"{source.path} answers {len(source.labels)} classes ({', '.join(source.labels) or 'without labels'}); "
            f"{data} has {len(labels)} ({', '.join(labels)}): expected the same"
        )
    return source, faces


def _learnt_by(source: FloatModel) -> str | None:
    """How FER+'s votes became the labels that the model learnt; None where it learnt others."""
    trained_on = source.run.get("data") or (source.card.training_data if source.card else {})
    return trained_on.get("label_mode") if trained_on.get("labels") == "ferplus" else None
