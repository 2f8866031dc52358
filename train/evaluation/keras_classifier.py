"""A Keras model that classifies face by face, as `mien benchmark` times it beside .tflite files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.inference.contract import CROP_MARGIN
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping
from train.backend import import_keras
from train.models.keras_files import load_keras_model
from train.models.probabilities import with_probabilities
from train.run_folder import recorded_labels


class KerasClassifier:
    """Classifies the expression on a gray face.

    Args:
        path: a .keras or .h5 file.
        mapping: how pixels become the values that it was trained on.

    Attributes:
        labels: class names in the order of the scores; empty where they are not recorded.
        identity: name of the model: its run folder's, or the file's.
        crop_margin: the contract's.
        size: height and width of the network's input.
        facts: for the results of a benchmark.

    Raises:
        ModelError: the file is missing, damaged, or not a classifier of faces.
        WrongUseError: `mapping` is for another number of channels.
        MissingExtraError: Keras is not installed.
    """

    def __init__(self, path: Path, mapping: PixelMapping = AS_PIXELS) -> None:
        keras = import_keras()
        begin_s = time.perf_counter()
        self._model = with_probabilities(load_keras_model(path), path)
        loaded_s = time.perf_counter()
        self._mapping = mapping
        shape = self._shape = self._model.input_shape[1:]
        self._values = np.zeros((1, *shape), np.float32)
        self.invoke()
        first_ms = (time.perf_counter() - loaded_s) * 1000
        self.labels = recorded_labels(path, int(self._model.output_shape[-1]))
        self.identity = str(path.parent.name or path.stem)
        self.crop_margin, self.size = CROP_MARGIN, shape[0]
        self.facts: dict[str, Any] = {
            "runtime": f"keras {keras.__version__} on {keras.backend.backend()}",
            "load_ms": (loaded_s - begin_s) * 1000,
            "first_invoke_ms": first_ms,
            "identity": self.identity,
            "scheme": "float32",
            "input_shape": [1, *shape],
            "macs": None,
        }

    def invoke(self) -> None:
        """Run the network on the face that was classified last."""
        self._scores = self._model.predict_on_batch(self._values)

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify one face.

        Args:
            face_gray: `(h, w)` uint8, any size.

        Returns:
            `(n,)` float32 probabilities, one for each label.
        """
        self._values = self._mapping.values(face_gray[None], self._shape)
        self.invoke()
        scores: npt.NDArray[np.float32] = np.asarray(self._scores, np.float32)[0]
        return scores
