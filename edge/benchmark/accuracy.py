"""The accuracy of one model on a split, with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import Estimate, bootstrap, wilson
from edge.benchmark.selective_accuracy import SelectiveAccuracy, measure_selective
from edge.evaluation.calibration import measure_calibration
from edge.evaluation.classification import score


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of one model on one split; rates are 0..1, intervals 95 %.

    Attributes:
        accuracy: share of correct predictions (Wilson interval).
        macro_f1: mean F1 of the classes (bootstrap interval).
        ece: expected calibration error (bootstrap interval).
        recall: label to share of its faces that are predicted correctly (Wilson interval).
        confusion: rows are labeled classes, columns are predicted classes, in the order of `labels`.
        labels: the model's classes.
        selective: accuracy against the share of answered faces.
        correct: `(n,)` bool, whether each face is predicted correctly.
        predictions: `(n,)`, the predicted label of each face.
    """

    accuracy: Estimate
    macro_f1: Estimate
    ece: Estimate
    recall: dict[str, Estimate]
    confusion: list[list[int]]
    labels: tuple[str, ...]
    selective: SelectiveAccuracy
    correct: npt.NDArray[np.bool_]
    predictions: npt.NDArray[np.str_]


def measure_accuracy(
    probabilities: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int64], labels: tuple[str, ...]
) -> Accuracy:
    """Score a model's probabilities.

    Args:
        probabilities: `(n, n_classes)`, 0..1.
        class_ids: `(n,)` the labeled classes, as positions in `labels`.
        labels: the model's classes.
    """
    predictions = probabilities.argmax(axis=1).astype(np.int64)
    correct = predictions == class_ids
    metrics = score(class_ids, predictions, labels)

    def macro_f1(counts: npt.NDArray[np.int64]) -> float:
        return score(np.repeat(class_ids, counts), np.repeat(predictions, counts), labels).macro_f1

    def ece(counts: npt.NDArray[np.int64]) -> float:
        return measure_calibration(np.repeat(probabilities, counts, axis=0), np.repeat(class_ids, counts)).ece

    n = len(class_ids)
    return Accuracy(
        accuracy=wilson(int(correct.sum()), n),
        macro_f1=bootstrap(macro_f1, n),
        ece=bootstrap(ece, n),
        recall={
            label: wilson(metrics.confusion[i][i], metrics.support[label])
            for i, label in enumerate(labels)
            if metrics.support[label]
        },
        confusion=metrics.confusion,
        labels=labels,
        selective=measure_selective(probabilities, class_ids),
        correct=correct,
        predictions=np.array(labels)[predictions],
    )
