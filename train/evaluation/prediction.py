"""Loads any trained model as labels and scores: .keras, .h5, a SavedModel folder, .tflite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.errors import ModelError, WrongUseError
from edge.evaluation.classification import Metrics, score
from edge.inference.classifier import Classifier
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping, batch_size_for
from edge.inference.shipped_models import path_of_model
from train.backend import import_keras
from train.models.keras_files import load_keras_model
from train.models.probabilities import are_probabilities, with_probabilities
from train.models.saved_model import SavedModel
from train.run_folder import RunFolder, recorded_labels

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
#: Batches in a slice: the faces of one slice are in memory as float32 at the same time.
_BATCHES = 16


class Model(Protocol):
    """A trained model.

    Attributes:
        path: where it was loaded from.
        n_classes: number of scores in a row.
        labels: class names in the order of the scores, where they are recorded: a .tflite's in its card, those of a
            model in a run folder in the `metrics.json` beside it; otherwise empty.
        mapping: how pixels become the values that it was trained on; None for a .tflite, whose card states it.
    """

    path: Path
    n_classes: int
    labels: tuple[str, ...]
    mapping: PixelMapping | None

    def probabilities(self, images: Images, mapping: PixelMapping | None = None) -> Scores:
        """Scores `(n, n_classes)` float32, 0..1, rows sum to 1, of faces `(n, h, w)` uint8.

        Args:
            images: the faces.
            mapping: in place of the model's own; not for a .tflite.
        """
        ...


def load_model(path: Path, mapping: PixelMapping | None = None) -> Model:
    """Load a model of any of the formats.

    Args:
        path: a .keras, .h5 or .tflite file, the name of a shipped model, a run folder, or a SavedModel folder.
        mapping: how pixels become the values that a Keras model or a SavedModel was trained on; None for pixels as
            they are. A .tflite's card states it.

    Raises:
        ModelError: it is missing, damaged or not a classifier of faces.
        WrongUseError: it is a SavedModel, and Keras does not run on TensorFlow; or `mapping` is given for a .tflite, or
            for another number of channels.
        MissingExtraError: Keras is needed, and not installed.
    """
    path = path_of_model(path)
    if (run := RunFolder(path).model_keras).is_file():
        path = run
    if path.suffix == ".tflite":
        if mapping is not None:
            raise WrongUseError(f"{path} has a model card, whose input_range states it: leave {mapping} out")
        return _TFLiteModel(path)
    if path.is_dir():
        return _SavedModel(path, mapping or AS_PIXELS)
    return _KerasModel(path, mapping or AS_PIXELS)


def class_names(model: Model, data_labels: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a model's classes, in the order of its scores.

    A model without recorded labels is taken to have the classes of the data if their number matches; otherwise those
    of the contract, if it has seven or eight.

    Args:
        model: a loaded model.
        data_labels: class names of the data that it is applied to.

    Raises:
        ModelError: none of these has the right number of classes.
    """
    for labels in (model.labels, data_labels, FER2013_LABELS, EIGHT_LABELS):
        if len(labels) == model.n_classes:
            return labels
    raise ModelError(
        f"the model has {model.n_classes} classes, the data has {len(data_labels)}: expected "
        f"{', '.join(data_labels)}, or metrics.json with labels beside {model.path}"
    )


def class_ids_for(model: Model, faces: Faces) -> npt.NDArray[np.int64]:
    """The labeled class of each face in the model's order of classes, matched by name: `(n,)` int64.

    Raises:
        ModelError: the data has a class that the model does not have.
    """
    labels = class_names(model, faces.labels)
    foreign = [label for label in faces.labels if label not in labels]
    if foreign:
        raise ModelError(
            f"{model.path} has {len(labels)} classes, the data has {len(faces.labels)}: {', '.join(foreign)} is "
            f"none of {', '.join(labels)}"
        )
    return np.array([labels.index(label) for label in faces.labels], np.int64)[faces.class_ids]


def check_probabilities(scores: Scores, path: Path) -> Scores:
    """Return the scores unchanged if they are probabilities.

    Raises:
        ModelError: they are not.
    """
    if not are_probabilities(scores):
        sums = scores.sum(axis=1)
        raise ModelError(
            f"{path} does not output probabilities (the least is {scores.min():.3g}, their sums are {sums.min():.3g} "
            f"to {sums.max():.3g}): expected a softmax at its end"
        )
    return scores


def keras_probabilities(model: Any, images: Images, batch_size: int = 64, mapping: PixelMapping = AS_PIXELS) -> Scores:
    """A Keras model's scores, `(n, n_classes)` float32.

    Args:
        model: a loaded model.
        images: faces `(n, h, w)` uint8; read in slices, so that a memory-mapped set is never copied whole.
        batch_size: faces in one batch, fewer if the model's input is larger than FER-2013's faces. Larger batches need
            more memory and are no faster on a CPU.
        mapping: how pixels become the values that the model was trained on.
    """
    shape = model.input_shape[1:]
    batch_size = batch_size_for(shape, batch_size)
    step = batch_size * _BATCHES
    parts = []
    for start in range(0, len(images), step):
        values = mapping.values(images[start : start + step], shape)
        parts.append(np.asarray(model.predict(values, batch_size=batch_size, verbose=0), np.float32))
    return np.concatenate(parts)


def keras_metrics(model: Any, faces: Faces, batch_size: int = 256) -> Metrics:
    """Accuracy, macro-F1 and the confusion matrix of a Keras model on labeled faces."""
    predicted = keras_probabilities(model, faces.images, batch_size).argmax(axis=1)
    return score(faces.class_ids, predicted, faces.labels)


class _KerasModel:
    def __init__(self, path: Path, mapping: PixelMapping) -> None:
        self.path, self._model = path, with_probabilities(load_keras_model(path), path)
        self.mapping: PixelMapping | None = mapping
        mapping.coefficients(self._model.input_shape[3])
        self.n_classes = int(self._model.output_shape[-1])
        self.labels = recorded_labels(path, self.n_classes)

    def probabilities(self, images: Images, mapping: PixelMapping | None = None) -> Scores:
        scores = keras_probabilities(self._model, images, mapping=mapping or self.mapping or AS_PIXELS)
        return check_probabilities(scores, self.path)


class _SavedModel:
    def __init__(self, path: Path, mapping: PixelMapping) -> None:
        backend = import_keras().backend.backend()
        if backend != "tensorflow":
            raise WrongUseError(
                f"{path} is a folder: a SavedModel runs on TensorFlow only, this is Keras on {backend}: set "
                "KERAS_BACKEND=tensorflow, or give a .keras file"
            )
        self.path, self._saved = path, SavedModel(path)
        self.mapping: PixelMapping | None = mapping
        mapping.coefficients(self._saved.input_shape[2])
        self.n_classes = self._saved.n_classes
        self.labels = recorded_labels(path, self.n_classes)

    def probabilities(self, images: Images, mapping: PixelMapping | None = None) -> Scores:
        return check_probabilities(self._saved.scores(images, mapping or self.mapping or AS_PIXELS), self.path)


class _TFLiteModel:
    mapping: PixelMapping | None = None

    def __init__(self, path: Path) -> None:
        self._classifier = Classifier(path, threads=min(os.cpu_count() or 1, 4))
        self.path, self.labels = path, self._classifier.labels
        self.n_classes = len(self.labels)

    def probabilities(self, images: Images, mapping: PixelMapping | None = None) -> Scores:
        return check_probabilities(np.stack([self._classifier.scores(face) for face in images]), self.path)
