"""The accuracy of the whole chain on photographs: faces that were not found count, and so do groups of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import Estimate, bootstrap, wilson
from edge.benchmark.photographs import Photograph
from edge.benchmark.selective_accuracy import SelectiveAccuracy, measure_selective

#: Stands for the prediction of a photograph in which no face was found.
MISSED = -1


@dataclass(frozen=True)
class Summary:
    """Some photographs: all, or those of a group. Rates are 0..1, intervals are Wilson's 95 %.

    Attributes:
        n: number of photographs.
        found: share of the photographs in which a face was found.
        accuracy: share of the photographs that are read correctly; one without a found face is wrong. None without
            labels.
        accuracy_found: the same share of the photographs in which a face was found.
        recall: label to the share of its photographs that are read correctly; one without a found face is wrong.
        support: label to the number of its photographs.
        predicted: label to the number of photographs that are read so.
    """

    n: int
    found: Estimate
    accuracy: Estimate | None
    accuracy_found: Estimate | None
    recall: dict[str, Estimate]
    support: dict[str, int]
    predicted: dict[str, int]


@dataclass(frozen=True)
class ChainAccuracy:
    """The accuracy of the chain with one model.

    Attributes:
        summary: of all photographs.
        macro_recall: mean of the recalls, where a face that was not found is wrong (bootstrap interval).
        macro_recall_found: the same over the photographs in which a face was found.
        macro_recall_restricted: `macro_recall_found` if only the labels of the data are possible predictions: a set
            without disgust and fear has no faces on which these would be right.
        labels: the labels of the data: the rows of `confusion`.
        columns: the model's classes: all columns of `confusion` but the last, which is for photographs without a face.
        confusion: number of photographs by label and prediction.
        selective: of the found faces.
        groups: column to value to the summary of its photographs.
    """

    summary: Summary
    macro_recall: Estimate | None
    macro_recall_found: Estimate | None
    macro_recall_restricted: Estimate | None
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    confusion: list[list[int]]
    selective: SelectiveAccuracy | None
    groups: dict[str, dict[str, Summary]]


def measure_chain(
    photographs: Sequence[Photograph],
    found: npt.NDArray[np.bool_],
    probabilities: npt.NDArray[np.float32],
    classes: tuple[str, ...],
    data_labels: tuple[str, ...],
    group_values: Mapping[str, Sequence[str]],
) -> ChainAccuracy:
    """Compare what the chain read with the labels.

    Args:
        photographs: `n` photographs.
        found: `(n,)` bool, whether a face was found in each.
        probabilities: `(n_found, n_classes)` of the photographs in which a face was found.
        classes: the model's classes.
        data_labels: the labels of the data, all of them in `classes`; none for photographs without labels.
        group_values: column to values.
    """
    labels = np.array([classes.index(p.label) if p.label else MISSED for p in photographs], np.int64)
    predictions = np.full(len(photographs), MISSED, np.int64)
    predictions[found] = probabilities.argmax(axis=1)

    def summary(chosen: npt.NDArray[np.bool_]) -> Summary:
        return _summary(labels[chosen], predictions[chosen], classes, data_labels)

    everything = np.ones(len(photographs), np.bool_)
    columns = [*range(len(classes)), MISSED]
    ids = [classes.index(label) for label in data_labels]
    restricted = np.array(ids, np.int64)[probabilities[:, ids].argmax(axis=1)] if ids else predictions[found]
    return ChainAccuracy(
        summary=summary(everything),
        macro_recall=_macro_recall(labels, predictions),
        macro_recall_found=_macro_recall(labels[found], predictions[found]),
        macro_recall_restricted=_macro_recall(labels[found], restricted),
        labels=data_labels,
        columns=classes,
        confusion=[[int(((labels == row) & (predictions == column)).sum()) for column in columns] for row in ids],
        selective=measure_selective(probabilities, labels[found]) if data_labels and found.any() else None,
        groups={
            column: {
                value: summary(np.array([p.groups.get(column) == value for p in photographs], np.bool_))
                for value in values
            }
            for column, values in group_values.items()
        },
    )


def _summary(
    labels: npt.NDArray[np.int64],
    predictions: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    data_labels: tuple[str, ...],
) -> Summary:
    n, found, correct = len(labels), predictions != MISSED, labels == predictions
    support = {label: int((labels == classes.index(label)).sum()) for label in data_labels}
    return Summary(
        n=n,
        found=wilson(int(found.sum()), n),
        accuracy=wilson(int(correct.sum()), n) if data_labels and n else None,
        accuracy_found=wilson(int(correct.sum()), int(found.sum())) if data_labels and found.any() else None,
        recall={
            label: wilson(int(correct[labels == classes.index(label)].sum()), count)
            for label, count in support.items()
            if count
        },
        support=support,
        predicted={label: int((predictions == i).sum()) for i, label in enumerate(classes)},
    )


def _macro_recall(labels: npt.NDArray[np.int64], predictions: npt.NDArray[np.int64]) -> Estimate | None:
    """Return the mean recall of the labels that occur; None if there are none."""
    rows = [labels == label for label in np.unique(labels) if label != MISSED]
    if not rows:
        return None
    correct = labels == predictions

    def macro(counts: npt.NDArray[np.int64]) -> float:
        support = [(counts[row].sum(), counts[row & correct].sum()) for row in rows]
        # A resample may have no face of a label.
        return float(np.mean([hits / n for n, hits in support if n]))

    return bootstrap(macro, len(labels))
