"""How much accuracy a model loses on corrupted faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.evaluation.corruptions import CORRUPTIONS, Corruption
from train.evaluation.prediction import Model, class_ids_for


@dataclass(frozen=True)
class Robustness:
    """The accuracy of one model on one split, 0..1.

    Attributes:
        n: number of faces.
        clean: accuracy on the faces as they are.
        rows: each corruption with the accuracy at each of its severities.
    """

    n: int
    clean: float
    rows: tuple[tuple[Corruption, tuple[float, ...]], ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        corruptions = {
            corruption.name: {
                "unit": corruption.unit,
                "severities": list(corruption.severities),
                "accuracy": list(accuracies),
            }
            for corruption, accuracies in self.rows
        }
        return {"n": self.n, "clean": self.clean, "corruptions": corruptions}


def measure_robustness(model: Model, faces: Faces, progress: Callable[[int, int], None] | None = None) -> Robustness:
    """Score a loaded model on every corruption of one split.

    Args:
        model: the model.
        faces: the split.
        progress: called with the number of corruptions that are finished, and of all.

    Raises:
        ModelError: the data has a class that the model does not have, or the model does not output probabilities.
    """
    class_ids = class_ids_for(model, faces)

    def accuracy(images: npt.NDArray[np.uint8]) -> float:
        return float((model.probabilities(images).argmax(axis=1) == class_ids).mean())

    clean, rows = accuracy(faces.images), []
    for done, corruption in enumerate(CORRUPTIONS, start=1):
        accuracies = tuple(accuracy(corruption.apply(faces.images, severity)) for severity in corruption.severities)
        rows.append((corruption, accuracies))
        if progress:
            progress(done, len(CORRUPTIONS))
    return Robustness(len(faces), clean, tuple(rows))
