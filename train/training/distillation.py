"""Knowledge distillation: the mean prediction of trained teachers is part of a student's targets (Hinton et al., 2015).

The teachers see each face as the student sees it, augmented again in each epoch ("Knowledge distillation: a good
teacher is patient and consistent", Beyer et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError, WrongUseError
from edge.inference.shipped_models import path_of_model
from train.evaluation.prediction import Model, class_names, load_model
from train.run_folder import RunFolder


class Teachers:
    """One or more trained models with the same classes.

    Args:
        paths: each a finished run folder, or a model of any format that `train.evaluation.prediction` loads. On a CPU
            an int8 .tflite is by far the fastest.
        labels: the classes of the student.
        share: of each target that the teachers determine, 0..1.
    """

    def __init__(self, paths: Sequence[Path], labels: tuple[str, ...], share: float) -> None:
        self._paths, self._labels, self._share = paths, labels, share

    def check(self) -> None:
        """Check that the teachers can be loaded and have the student's classes.

        Raises:
            WrongUseError: a run is not finished.
            ModelError: a model is missing or damaged, or has other classes.
        """
        for model in self._load():
            labels = class_names(model, self._labels)
            if labels != self._labels:
                expected = ", ".join(self._labels)
                raise ModelError(f"{model.path} has the classes {', '.join(labels)}: expected {expected} of a teacher")

    @cached_property
    def _models(self) -> list[Model]:
        """The models, loaded on first use, inside the scope of the devices on which the student trains."""
        return self._load()

    def _load(self) -> list[Model]:
        return [load_model(teacher_file(path)) for path in self._paths]

    def mix(self, pixels: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Mix the teachers' mean prediction into the targets.

        Args:
            pixels: `(n, 48, 48)` float32, 0..255.
            targets: `(n, classes)` float32, rows sum to 1.

        Returns:
            `(n, classes)` float32, rows sum to 1.
        """
        # Pixels of a camera are whole numbers.
        images = np.rint(pixels).astype(np.uint8)
        mean = np.mean([model.probabilities(images) for model in self._models], axis=0)
        # The probabilities of an int8 model do not sum to exactly 1.
        mean /= mean.sum(axis=1, keepdims=True)
        mixed: npt.NDArray[np.float32] = ((1 - self._share) * targets + self._share * mean).astype(np.float32)
        return mixed


def teacher_file(path: Path) -> Path:
    """The file of a teacher: the model in a run folder, the shipped one of that name, or `path` itself.

    Raises:
        WrongUseError: the run is not finished.
    """
    run = RunFolder(path)
    if run.recipe_toml.exists() and not run.model_keras.exists():
        raise WrongUseError(f"the run in {path} is not finished: finish it with --resume, or give another teacher")
    return run.model_keras if run.recipe_toml.exists() else path_of_model(path)
