"""Any trained model as labels and scores: .keras, .h5, a SavedModel folder, .tflite."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.errors import ModelError, WrongUseError, first_line
from edge.evaluation.classification import Metrics, score
from edge.inference.classifier import Classifier
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS, INPUT_SIZE
from train.models.saved_model import SavedModel
from train.training.backend import import_keras
from train.training.run_folder import recorded

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
#: Batches of a slice: so many faces are in memory as float32 at once.
_BATCHES = 16
#: How far from 1 a row of probabilities may sum: int8 outputs are off by up to half a code a class.
_SUM_TOLERANCE = 0.05


class Model(Protocol):
    """A trained model.

    Attributes:
        path: where it came from.
        n_classes: how many scores it answers.
        labels: class names in the order of the scores, where it says: a .tflite in its card, a model in a run
            folder in `metrics.json` beside it. Empty where it does not.
    """

    path: Path
    n_classes: int
    labels: tuple[str, ...]

    def probabilities(self, images: Images) -> Scores:
        """Scores `(n, n_classes)` float32, 0..1, rows sum to 1, of faces `(n, 48, 48)` uint8."""
        ...


def load_model(path: Path) -> Model:
    """Load a model of any of the formats.

    Args:
        path: a .keras, .h5 or .tflite file, or a SavedModel folder.

    Raises:
        ModelError: it is missing, damaged or breaks the contract.
        WrongUseError: it is a SavedModel, and Keras does not run on TensorFlow.
        MissingExtraError: Keras is needed, and not installed.
    """
    if path.suffix == ".tflite":
        return _Tflite(path)
    if path.is_dir():
        return _SavedModel(path)
    return _Keras(path)


def class_names(model: Model, data_labels: tuple[str, ...]) -> tuple[str, ...]:
    """What a model's scores stand for, in their order.

    A model that does not say is taken to answer the classes of the data if they are as many; else those of the
    contract, if it has seven or eight.

    Args:
        model: a loaded model.
        data_labels: class names of the data that it is shown.

    Raises:
        ModelError: nobody says.
    """
    for labels in (model.labels, data_labels, FER2013_LABELS, EIGHT_LABELS):
        if len(labels) == model.n_classes:
            return labels
    raise ModelError(
        f"the model answers {model.n_classes} classes, the data has {len(data_labels)}: expected "
        f"{', '.join(data_labels)}, or metrics.json with labels beside {model.path}"
    )


def class_ids_for(model: Model, faces: Faces) -> npt.NDArray[np.int64]:
    """The labelled class of each face as the model counts them, mapped by name: `(n,)` int64.

    Raises:
        ModelError: the data has a class that the model does not answer.
    """
    labels = class_names(model, faces.labels)
    foreign = [label for label in faces.labels if label not in labels]
    if foreign:
        raise ModelError(
            f"{model.path} answers {len(labels)} classes, the data has {len(faces.labels)}: {', '.join(foreign)} is "
            f"none of {', '.join(labels)}"
        )
    return np.array([labels.index(label) for label in faces.labels], np.int64)[faces.class_ids]


def checked(scores: Scores, path: Path) -> Scores:
    """The scores as they are, if they are probabilities.

    Raises:
        ModelError: they are not.
    """
    sums = scores.sum(axis=1)
    # This way round a NaN is refused.
    if not (scores.min() >= -1e-3 and np.abs(sums - 1).max() <= _SUM_TOLERANCE):
        raise ModelError(
            f"{path} answers no probabilities (from {scores.min():.3g}, in sum {sums.min():.3g} to {sums.max():.3g}): "
            "expected a softmax at its end"
        )
    return scores


def keras_probabilities(model: Any, images: Images, batch_size: int = 256) -> Scores:
    """A Keras model's scores, `(n, n_classes)` float32.

    Args:
        model: a loaded model.
        images: faces `(n, 48, 48)` uint8; read in slices, so that a memory-mapped set is never copied whole.
        batch_size: faces at once.
    """
    step = batch_size * _BATCHES
    parts = []
    for start in range(0, len(images), step):
        pixels = images[start : start + step, :, :, None].astype(np.float32)
        parts.append(np.asarray(model.predict(pixels, batch_size=batch_size, verbose=0), np.float32))
    return np.concatenate(parts)


def keras_scores(model: Any, faces: Faces, batch_size: int = 256) -> Metrics:
    """Accuracy and the like of a Keras model on labelled faces."""
    answers = keras_probabilities(model, faces.images, batch_size).argmax(axis=1)
    return score(faces.class_ids, answers, faces.labels)


def load_keras_model(path: Path) -> Any:
    """Load a .keras or .h5 file.

    Raises:
        ModelError: it is missing, damaged, of another Keras, or not of one 48x48 grey input and one output.
        MissingExtraError: Keras is not installed.
    """
    keras = import_keras()
    if not path.is_file():
        raise ModelError(f"no model at {path}: expected a .keras file, such as runs/cnn/model.keras")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Keras raises whatever its zip, JSON and HDF5 readers raise.
        ours, theirs = keras.__version__, _keras_version(path)
        if theirs and theirs.partition(".")[0] != ours.partition(".")[0]:
            raise ModelError(
                f"{path} was saved by Keras {theirs}, this is Keras {ours}: load it there and save it as a SavedModel"
            ) from error
        raise ModelError(f"{path} is not a model that Keras {ours} can load: {first_line(error)}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"{path} has {len(model.inputs)} inputs, {len(model.outputs)} outputs: expected 1 and 1")
    if tuple(model.input_shape[1:]) != (INPUT_SIZE, INPUT_SIZE, 1):
        raise ModelError(f"{path} takes {model.input_shape}: expected (None, {INPUT_SIZE}, {INPUT_SIZE}, 1)")
    if len(model.output_shape) != 2 or model.output_shape[1] is None:
        raise ModelError(f"{path} answers {model.output_shape}: expected one row of probabilities a face")
    return model


class _Keras:
    def __init__(self, path: Path) -> None:
        self.path, self._model = path, load_keras_model(path)
        self.n_classes = int(self._model.output_shape[-1])
        self.labels = run_labels(path, self.n_classes)

    def probabilities(self, images: Images) -> Scores:
        return checked(keras_probabilities(self._model, images), self.path)


class _SavedModel:
    def __init__(self, path: Path) -> None:
        backend = import_keras().backend.backend()
        if backend != "tensorflow":
            raise WrongUseError(
                f"{path} is a folder: a SavedModel runs on TensorFlow only, this is Keras on {backend}: set "
                "KERAS_BACKEND=tensorflow, or give a .keras file"
            )
        self.path, self._saved = path, SavedModel(path)
        self.n_classes = self._saved.n_classes
        self.labels = run_labels(path, self.n_classes)

    def probabilities(self, images: Images) -> Scores:
        return checked(self._saved(images), self.path)


class _Tflite:
    def __init__(self, path: Path) -> None:
        self._classifier = Classifier(path, threads=min(os.cpu_count() or 1, 4))
        self.path, self.labels = path, self._classifier.labels
        self.n_classes = len(self.labels)

    def probabilities(self, images: Images) -> Scores:
        return checked(np.stack([self._classifier.scores(face) for face in images]), self.path)


def run_labels(path: Path, n: int) -> tuple[str, ...]:
    """What the run folder of a model says that its `n` classes are; empty where the model stands alone."""
    labels = tuple(recorded(path).get("labels", ()))
    if labels and len(labels) != n:
        raise ModelError(f"{path} answers {n} classes, metrics.json beside it names {len(labels)}: {', '.join(labels)}")
    return labels


def _keras_version(path: Path) -> str:
    """The Keras that a .keras or .h5 file says it was saved by; empty where it does not say."""
    import h5py

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
        with h5py.File(path) as file:
            return str(file.attrs.get("keras_version", ""))
    except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile):
        return ""
