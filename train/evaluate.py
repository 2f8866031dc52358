"""Score a trained .keras model on a split."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from edge.contract import INPUT_SIZE
from edge.dataset import Faces
from edge.errors import DataError, ModelError
from edge.metrics import Metrics, score
from train.fit import predict


def load_keras_model(path: Path) -> Any:
    """Load a .keras or .h5 file.

    Raises:
        ModelError: it is missing, damaged, of another Keras, or not of one 48x48 grey input and one output.
    """
    if not path.is_file():
        raise ModelError(f"no model at {path}: expected a .keras file, such as runs/cnn/model.keras")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Keras raises whatever its zip, JSON and HDF5 readers raise.
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        ours, theirs = keras.__version__, _keras_version(path)
        if theirs and theirs.partition(".")[0] != ours.partition(".")[0]:
            raise ModelError(
                f"{path} was saved by Keras {theirs}, this is Keras {ours}: load it there and save it as a SavedModel"
            ) from error
        raise ModelError(f"{path} is not a model that Keras {ours} can load: {first_line}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"{path} has {len(model.inputs)} inputs, {len(model.outputs)} outputs: expected 1 and 1")
    if tuple(model.input_shape[1:]) != (INPUT_SIZE, INPUT_SIZE, 1):
        raise ModelError(f"{path} takes {model.input_shape}: expected (None, {INPUT_SIZE}, {INPUT_SIZE}, 1)")
    if len(model.output_shape) != 2 or model.output_shape[1] is None:
        raise ModelError(f"{path} answers {model.output_shape}: expected one row of probabilities a face")
    return model


def _keras_version(path: Path) -> str:
    """The Keras that a .keras or .h5 file says it was saved by; empty where it does not say."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
        with h5py.File(path) as file:
            return str(file.attrs.get("keras_version", ""))
    except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile):
        return ""


def evaluate(model: Any, faces: Faces) -> Metrics:
    """Score a loaded model on one split.

    Raises:
        ModelError: it has another number of outputs than the data has classes.
    """
    if model.output_shape[-1] != len(faces.labels):
        raise ModelError(
            f"the model answers {model.output_shape[-1]} classes, the data has {len(faces.labels)}: "
            f"expected {', '.join(faces.labels)}"
        )
    return score(faces.class_ids, predict(model, faces).argmax(axis=1), faces.labels)


def evaluate_on_votes(model: Any, faces: Faces) -> dict[str, Any]:
    """Accuracy against the expression that most FER+ voters chose.

    Faces without a single winner, and those whose winner the model has no class for, are left out.

    Args:
        model: a loaded model.
        faces: a split with votes.

    Returns:
        `accuracy` 0..1 and `n`, the number of faces counted.
    """
    assert faces.votes is not None
    votes = faces.votes.astype(int)
    best = votes.max(axis=1)
    winner = votes.argmax(axis=1)
    counted = ((votes == best[:, None]).sum(axis=1) == 1) & (winner < len(faces.labels))
    if not counted.any():
        raise DataError("no face has an expression that most FER+ voters chose: expected at least one")
    answers = predict(model, faces.take(np.flatnonzero(counted))).argmax(axis=1)
    return {"accuracy": float((answers == winner[counted]).mean()), "n": int(counted.sum())}
