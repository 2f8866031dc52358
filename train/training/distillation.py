"""Teachers: trained models whose mean answer is a part of what another one learns (Hinton et al., 2015).

They see each face as the pupil sees it, augmented, anew each epoch ("Knowledge distillation: a good teacher is patient
and consistent", Beyer et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError, WrongUseError
from train.evaluation.prediction import Model, class_names, load_model
from train.training.run_folder import RunFolder


class Teachers:
    """One or more trained models of the same classes.

    Args:
        paths: each a finished run folder, or a model of any kind that `train.evaluation.prediction` loads. On a CPU an
            int8 .tflite is the fastest by far.
        labels: the classes that the pupil learns.
        share: of each target that they decide, 0..1.
    """

    def __init__(self, paths: Sequence[Path], labels: tuple[str, ...], share: float) -> None:
        self._paths, self._labels, self._share = paths, labels, share

    def check(self) -> None:
        """See to it that they can teach.

        Raises:
            WrongUseError: a run is not finished.
            ModelError: one is missing or damaged, or answers other classes.
        """
        for model in self._load():
            known = class_names(model, self._labels)
            if known != self._labels:
                expected = ", ".join(self._labels)
                raise ModelError(f"{model.path} answers {', '.join(known)}: expected {expected} of a teacher")

    @cached_property
    def _models(self) -> list[Model]:
        """Loaded when first asked, where the pupil trains: on the same devices."""
        return self._load()

    def _load(self) -> list[Model]:
        return [load_model(model_of(path)) for path in self._paths]

    def teach(self, pixels: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Targets `(n, classes)` float32 with the teachers' share in them.

        Args:
            pixels: `(n, 48, 48)` float32, 0..255.
            targets: `(n, classes)` float32, rows sum to 1.
        """
        # As a camera has them.
        images = np.rint(pixels).astype(np.uint8)
        mean = np.mean([model.probabilities(images) for model in self._models], axis=0)
        # Eight bits of each class do not sum to 1.
        mean /= mean.sum(axis=1, keepdims=True)
        return ((1 - self._share) * targets + self._share * mean).astype(np.float32)


def model_of(path: Path) -> Path:
    """The model's file: the one that a run folder holds, or `path` itself.

    Raises:
        WrongUseError: the run is not finished.
    """
    run = RunFolder(path)
    if run.recipe_toml.exists() and not run.model_keras.exists():
        raise WrongUseError(f"the run in {path} is not finished: end it with --resume, or give another teacher")
    return run.model_keras if run.recipe_toml.exists() else path
