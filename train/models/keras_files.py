"""Loads .keras and .h5 files, and checks that they are classifiers of faces."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from edge.errors import ModelError, first_line
from edge.system.archives import read_member
from edge.system.memory import limited_growth
from train.backend import import_keras
from train.models.rebuilding import in_float32

#: What a face may be to a network, for error messages.
FACE_SHAPES = "(None, H, H, 1) or (None, H, H, 3)"
#: Of a face. Networks for images take 224 to 600 pixels.
MAX_SIDE = 1024
#: What a model may need while it is loaded, where VGG16 takes a tenth: a file of few bytes may name an endless layer.
MAX_GROWTH_BYTES = 3 << 30
_MAX_METADATA_BYTES = 1 << 20
#: The configuration of DenseNet121 has 0.4 MB.
_MAX_TEXT_BYTES = 64 << 20


def load_keras_model(path: Path) -> Any:
    """Load a .keras or .h5 file.

    Args:
        path: the file.

    Returns:
        An uncompiled `keras.Model` in float32 with one input `[batch, H, H, 1]` or `[batch, H, H, 3]` and one output
        `[batch, n_classes]`.

    Raises:
        ModelError: the file is missing, damaged, saved by another major version of Keras, or has other inputs or
            outputs.
        MissingExtraError: Keras is not installed.
    """
    keras = import_keras()
    if not path.is_file():
        raise ModelError(f"no model at {path}: expected a .keras file, such as runs/cnn/model.keras")
    _check_members(path)
    try:
        with limited_growth(MAX_GROWTH_BYTES):
            model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Keras raises whatever its zip, JSON and HDF5 readers raise.
        current, saved_by = keras.__version__, _keras_version(path)
        if saved_by and saved_by.partition(".")[0] != current.partition(".")[0]:
            raise ModelError(
                f"{path} was saved by Keras {saved_by}, this is Keras {current}: load it there and save it as a "
                "SavedModel"
            ) from error
        raise ModelError(f"{path} is not a model that Keras {current} can load: {first_line(error)}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"{path} has {len(model.inputs)} inputs, {len(model.outputs)} outputs: expected 1 and 1")
    check_shapes(path, model.input_shape, model.output_shape)
    try:
        return in_float32(model)
    except Exception as error:
        # A layer's own configuration decides what it raises.
        raise ModelError(
            f"{path} computes in {model.dtype_policy.compute_dtype} and cannot be rebuilt in float32 "
            f"({first_line(error)}): load it under the policy float32, and save it again"
        ) from error


def check_shapes(path: Path, input_shape: Any, output_shape: Any) -> None:
    """Check the shapes of a classifier of faces, as tuples with None for a free dimension.

    Raises:
        ModelError: the input is not one square gray or RGB image, or the output not one row for each face.
    """
    if not isinstance(input_shape, tuple) or len(input_shape) != 4:
        raise ModelError(f"{path} takes {input_shape}: expected images {FACE_SHAPES}")
    _, height, width, channels = input_shape
    if not height or height != width or height > MAX_SIDE or channels not in (1, 3):
        raise ModelError(
            f"{path} takes {input_shape}: expected {FACE_SHAPES}, square and of a fixed size of at most {MAX_SIDE} "
            "pixels"
        )
    if not isinstance(output_shape, tuple) or len(output_shape) != 2 or output_shape[1] is None:
        raise ModelError(f"{path} outputs {output_shape}: expected one row of probabilities for each face")


def _check_members(path: Path) -> None:
    """Check the sizes that the members of a .keras archive claim; zipfile never reads more than that.

    Raises:
        ModelError: one of them unpacks to far more than a model needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):
        # An .h5 file, or one whose damage Keras will name.
        return
    for member in members:
        # Weights hardly compress.
        limit = 2 * member.compress_size + _MAX_TEXT_BYTES
        if member.file_size > limit:
            raise ModelError(
                f"{path} is damaged: {member.filename!r} unpacks from {member.compress_size} bytes to "
                f"{member.file_size}; expected at most {limit}"
            )


def _keras_version(path: Path) -> str:
    """The version of Keras that saved a .keras or .h5 file; empty where the file does not name it."""
    import h5py

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                metadata = read_member(archive, "metadata.json", _MAX_METADATA_BYTES)
                return str(json.loads(metadata).get("keras_version", ""))
        with h5py.File(path) as file:
            return str(file.attrs.get("keras_version", ""))
    except (OSError, KeyError, ValueError, AttributeError, RuntimeError, zlib.error, zipfile.BadZipFile):
        return ""
