"""Verification that a .tflite is what its card claims, and its comparison with the float model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.schemes import CALIBRATED, SCHEMES
from edge.benchmark.intervals import mcnemar_of_counts, paired_difference
from edge.datasets.reader import Faces
from edge.errors import ModelError
from edge.evaluation.classification import Metrics, above_chance, score
from edge.inference.classifier import Classifier
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelFile, read_model
from edge.inference.sandbox import load_in_sandbox

#: Probability of chance below which a change counts as one.
SIGNIFICANCE = 0.05
Progress = Callable[[int, int], None]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """A converted model compared with the float model on the same faces.

    Attributes:
        split: name of the split.
        before: metrics of the float model.
        after: metrics of the converted model.
        agreement: share of faces for which both predict the same class, 0..1.
        mean_change, worst_change: mean and greatest change of a probability, over all faces and classes, 0..1.
        lost: number of faces that only the float model predicts correctly.
        gained: number of faces that only the converted model predicts correctly.
        class_changes: label to these two numbers of its faces.
    """

    split: str
    before: Metrics
    after: Metrics
    agreement: float
    mean_change: float
    worst_change: float
    lost: int
    gained: int
    class_changes: Mapping[str, tuple[int, int]]

    @classmethod
    def of(
        cls,
        split: str,
        class_ids: npt.NDArray[np.int64],
        labels: tuple[str, ...],
        before: npt.NDArray[np.int64],
        after: npt.NDArray[np.int64],
        mean_change: float = 0.0,
        worst_change: float = 0.0,
    ) -> Comparison:
        """Return the comparison of two models' answers.

        Args:
            split: name of the split.
            class_ids: `(n,)` int64, the labeled class of each face.
            labels: names of the classes.
            before: `(n,)` int64, the class that the float model predicts for each face.
            after: `(n,)` int64, the class that the converted model predicts.
            mean_change: see the class.
            worst_change: see the class.
        """
        lost = (before == class_ids) & (after != class_ids)
        gained = (before != class_ids) & (after == class_ids)
        members = {label: class_ids == i for i, label in enumerate(labels)}
        return cls(
            split,
            score(class_ids, before, labels),
            score(class_ids, after, labels),
            float((before == after).mean()),
            mean_change,
            worst_change,
            int(lost.sum()),
            int(gained.sum()),
            {label: (int(lost[rows].sum()), int(gained[rows].sum())) for label, rows in members.items()},
        )

    @property
    def drop_points(self) -> float:
        """Percentage points of accuracy that the conversion lost; negative if it gained."""
        return 100 * (self.before.accuracy - self.after.accuracy)

    @property
    def drop_interval(self) -> tuple[float, float]:
        """The 95 % interval of `drop_points`, see `edge.benchmark.intervals.paired_difference`."""
        estimate = paired_difference(self.lost, self.gained, self.after.n)
        return 100 * estimate.low, 100 * estimate.high

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test: the probability that two equally good models differ by this or more."""
        return mcnemar_of_counts(self.lost, self.gained)

    def class_drops(self) -> dict[str, float]:
        """Return the percentage points of recall that each class lost."""
        return {label: 100 * (self.before.recall[label] - self.after.recall[label]) for label in self.after.recall}

    def is_significant(self, label: str) -> bool:
        """Whether the change of a class's recall is larger than chance explains, by McNemar's exact test at 5 %."""
        return mcnemar_of_counts(*self.class_changes[label]) < SIGNIFICANCE

    @property
    def points_above_chance(self) -> float:
        """Percentage points of the float model's mean recall, over the classes that occur, above that of guessing."""
        return 100 * above_chance(self.before.confusion)

    @property
    def only_answer(self) -> str:
        """The label that the converted model predicts for every face; empty if it predicts several."""
        columns = zip(*self.after.confusion, strict=True)
        predicted = [label for label, column in zip(self.after.recall, columns, strict=True) if any(column)]
        return predicted[0] if len(predicted) == 1 else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison for the card and for JSON."""
        return {
            "split": self.split,
            "n": self.after.n,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "agreement": self.agreement,
            "mean_change": self.mean_change,
            "worst_change": self.worst_change,
        }

    def significance(self) -> dict[str, Any]:
        """Return the uncertainty of the drop, for JSON: intervals in points, and McNemar's test."""
        return {
            "lost": self.lost,
            "gained": self.gained,
            "drop_points": self.drop_points,
            "drop_interval": list(self.drop_interval),
            "mcnemar_p": self.p_value,
        }


@dataclass(frozen=True)
class VerifiedFile:
    """A file that passed every check that needs no data.

    Attributes:
        model: the file and its card.
        graph: its tables.
        classifier: the loaded model, ready to be scored.
    """

    model: ModelFile
    graph: Graph
    classifier: Classifier


def check_file(path: Path) -> VerifiedFile:
    """Load a .tflite, in a sandbox first, and check everything that its card claims and that needs no data.

    Args:
        path: the file, with its card.

    Raises:
        ModelError: the file is damaged; or it is not of the scheme that its card names; or its card names int8 or
            int16x8, and it has a float input, a float output, or a float tensor in a layer that the card does not
            list as kept in float.
    """
    model = read_model(path)
    load_in_sandbox(path)
    graph = Graph(model.graph, str(path))
    _check_scheme(graph, model)
    return VerifiedFile(model, graph, Classifier(path))


def _check_scheme(graph: Graph, model: ModelFile) -> None:
    card, path = model.card, model.path
    if card.scheme not in SCHEMES:
        raise ModelError(f"the card of {path} has the scheme {card.scheme!r}: expected one of {', '.join(SCHEMES)}")
    if card.scheme in CALIBRATED:
        _check_integer(graph, model)
        return
    # Half-precision weights are the output of a DEQUANTIZE operation.
    halves = any(o.kind == "DEQUANTIZE" and o.inputs[0].dtype == "FLOAT16" for o in graph.operations)
    weights = {operation.weights.dtype for operation in graph.operations if operation.weights}
    outputs = {operation.outputs[0].dtype for operation in graph.operations if operation.weights}
    expected = {"float32": {"FLOAT32"}, "dynamic": {"INT8", "FLOAT32"}, "float16": {"FLOAT32", "FLOAT16"}}[card.scheme]
    fits = weights <= expected and outputs <= {"FLOAT32"} and halves == (card.scheme == "float16")
    if not fits or (card.scheme == "dynamic" and "INT8" not in weights):
        seen = ", ".join(sorted(weights | ({"FLOAT16"} if halves else set()))) or "none"
        raise ModelError(
            f"{path} is not {card.scheme}: its weights are {seen}, the outputs of its layers "
            f"{', '.join(sorted(outputs))}"
        )


def _check_integer(graph: Graph, model: ModelFile) -> None:
    card = model.card
    # A QUANTIZE or DEQUANTIZE operation connects an integer layer with one that was kept in float.
    between = ("QUANTIZE", "DEQUANTIZE") if card.keep_float else ()
    floats = [
        operation
        for operation in graph.operations
        if operation.kind not in between
        and operation.layer not in card.keep_float
        and any(tensor.is_float for tensor in (*operation.inputs, *operation.outputs))
    ]
    if floats:
        named = ", ".join(f"{operation.layer} ({operation.kind})" for operation in floats[:3])
        raise ModelError(f"{model.path} is not full {card.scheme}: {len(floats)} operations are float: {named}")
    io_dtypes = {"int8": {"INT8", "UINT8"}, "int16x8": {"INT16"}}[card.scheme]
    wrong = [tensor for tensor in (*graph.inputs, *graph.outputs) if tensor.dtype not in io_dtypes]
    if wrong:
        named = ", ".join(f"{tensor.name} is {tensor.dtype}" for tensor in wrong)
        raise ModelError(f"{model.path} does not have {card.scheme} inputs and outputs: {named}")
    allowed = {"int8": {"INT8", "INT32", "BOOL"}, "int16x8": {"INT8", "INT16", "INT32", "INT64", "BOOL"}}[card.scheme]
    strays = [t for t in graph.tensors if t.dtype not in allowed and t not in graph.inputs and not card.keep_float]
    if strays:
        named = ", ".join(f"{tensor.name} ({tensor.dtype})" for tensor in strays[:3])
        raise ModelError(f"{model.path} is not full {card.scheme}: it holds {named}")


def compare(
    classifier: Classifier, expected: Scores, faces: Faces, split: str, progress: Progress | None = None
) -> Comparison:
    """Score a converted model, and compare it with the scores of the float model on the same faces.

    Args:
        classifier: the converted model.
        expected: `(n, n_classes)` float32, the float model's scores.
        faces: the split.
        split: its name, for the report.
        progress: called with the number of scored faces and the number of all faces.
    """
    found = np.empty_like(expected)
    for i, image in enumerate(faces.images):
        found[i] = classifier.scores(image)
        if progress and (i % 100 == 0 or i + 1 == len(faces)):
            progress(i + 1, len(faces))
    change = np.abs(expected - found)
    return Comparison.of(
        split, faces.class_ids, faces.labels, expected.argmax(axis=1), found.argmax(axis=1),
        float(change.mean()), float(change.max()),
    )  # fmt: skip
