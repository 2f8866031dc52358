"""Proof that a .tflite is what it says: integer throughout, the contract's ends, and what it still can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.tensorflow import import_tensorflow
from edge.card import read_model
from edge.classify import Classifier
from edge.dataset import Faces
from edge.errors import ModelError
from edge.metrics import Metrics, score

#: What may lie between input and output of a full-int8 file; the input itself is uint8.
_INTEGER_TYPES = frozenset({"INT8", "INT32"})


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph: its name, dtype and shape as the flatbuffer has them."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """A quantised model beside its float self, on the same faces.

    Attributes:
        before: scores of the .keras model.
        after: scores of the .tflite.
        agreement: share of faces on which both answer the same, 0..1.
    """

    split: str
    before: Metrics
    after: Metrics
    agreement: float

    @property
    def drop_points(self) -> float:
        """Points of accuracy lost by quantisation; negative where it gained."""
        return 100 * (self.before.accuracy - self.after.accuracy)

    def as_dict(self) -> dict[str, Any]:
        """For the card and the JSON report."""
        return {
            "split": self.split,
            "n": self.after.n,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "agreement": self.agreement,
        }


def read_tensors(graph: bytes) -> list[Tensor]:
    """Every tensor of the flatbuffer, read from its tables, not from what its card claims."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    model = schema.ModelT.InitFromPackedBuf(graph, 0)
    return [
        Tensor(tensor.name.decode(), names[tensor.type], () if tensor.shape is None else tuple(tensor.shape))
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors
    ]


@dataclass(frozen=True)
class Checked:
    """A file that keeps every promise that needs no data: ready to be scored."""

    classifier: Classifier
    tensors: list[Tensor]


def check_contract(path: Path) -> Checked:
    """Load a .tflite and check every promise that needs no data.

    Raises:
        ModelError: the file is damaged, has a float tensor, or another input or output than the contract's.
    """
    model = read_model(path)
    classifier = Classifier(path)
    tensors = read_tensors(model.graph)
    others = [tensor for tensor in tensors if tensor.dtype not in _INTEGER_TYPES]
    foreign = [tensor for tensor in others if tensor.dtype != "UINT8"]
    if foreign or len(others) > 1:
        named = ", ".join(f"{t.name} ({t.dtype})" for t in (foreign or others)[:3])
        raise ModelError(f"{path} is not full int8: not int8 or int32 are {len(foreign or others)} tensors: {named}")
    if model.card.input_range is not None:
        raise ModelError(f"{path} has a foreign input: expected uint8 pixels, scale 1, zero point 0")
    if classifier.output_dtype != np.int8:
        raise ModelError(f"{path} answers {classifier.output_dtype}: expected int8")
    return Checked(classifier, tensors)


def compare(
    classifier: Classifier,
    reference: Any,
    faces: Faces,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Score a .tflite and the .keras model that it came from on the same faces.

    Args:
        classifier: the quantised model.
        reference: the loaded Keras model.
        faces: the split.
        split: its name, for the report.
        progress: called with (faces done, all of them).

    Raises:
        ModelError: the two do not have the data's classes.
    """
    import_tensorflow()
    from train.fit import predict

    if classifier.labels != faces.labels or reference.output_shape[-1] != len(faces.labels):
        raise ModelError(
            f"the .tflite answers {', '.join(classifier.labels)}, the .keras model {reference.output_shape[-1]} "
            f"classes, the data has {', '.join(faces.labels)}: expected the same"
        )
    expected = predict(reference, faces).argmax(axis=1)
    answers = np.empty(len(faces), np.int64)
    for i, image in enumerate(faces.images):
        answers[i] = classifier.scores(image).argmax()
        if progress and (i % 100 == 0 or i + 1 == len(faces)):
            progress(i + 1, len(faces))
    return Comparison(
        split,
        score(faces.class_ids, expected, faces.labels),
        score(faces.class_ids, answers, faces.labels),
        float((expected == answers).mean()),
    )
