"""How much of its accuracy a model keeps on faces that a camera has made worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.datasets.reader import Faces
from train.evaluation.corruptions import CORRUPTIONS, Corruption
from train.evaluation.prediction import Model, class_ids_for


@dataclass(frozen=True)
class Robustness:
    """Accuracy, 0..1, of one model on one split.

    Attributes:
        n: faces.
        clean: as the faces are.
        rows: for each corruption, at each of its severities.
    """

    n: int
    clean: float
    rows: tuple[tuple[Corruption, tuple[float, ...]], ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        corruptions = {
            one.name: {"unit": one.unit, "severities": list(one.severities), "accuracy": list(accuracies)}
            for one, accuracies in self.rows
        }
        return {"n": self.n, "clean": self.clean, "corruptions": corruptions}


def measure(model: Model, faces: Faces, progress: Callable[[int, int], None] | None = None) -> Robustness:
    """Score a loaded model on every corruption of one split.

    Args:
        model: the model.
        faces: the split.
        progress: told how many corruptions of how many are done.

    Raises:
        ModelError: the data has a class that the model does not answer, or the answers are no probabilities.
    """
    wanted = class_ids_for(model, faces)

    def accuracy(images: np.ndarray) -> float:
        return float((model.probabilities(images).argmax(axis=1) == wanted).mean())

    clean, rows = accuracy(faces.images), []
    for done, one in enumerate(CORRUPTIONS, start=1):
        rows.append((one, tuple(accuracy(one.apply(faces.images, severity)) for severity in one.severities)))
        if progress:
            progress(done, len(CORRUPTIONS))
    return Robustness(len(faces), clean, tuple(rows))
