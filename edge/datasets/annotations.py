"""AffectNet's annotations: in a folder `annotations`, a NumPy file for each image of the folder `images` beside it."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from edge.errors import DataError, first_line
from edge.images import image_files
from edge.system.regular_files import read_regular

_IMAGES, _ANNOTATIONS = "images", "annotations"
#: What follows the name of an image in the name of the file with its expression.
_SUFFIX = "_exp.npy"
#: A number in NumPy's format has some 140 bytes.
_MAX_BYTES = 4096


def has_annotations(folder: Path) -> bool:
    """Whether a split's folder has images and annotations in place of a folder for each class."""
    return (folder / _IMAGES).is_dir() and (folder / _ANNOTATIONS).is_dir()


def annotated_images(folder: Path) -> list[tuple[Path, str]]:
    """Return the images of a split, each with the number of its class as text, `0` to `10`.

    8 to 10 are AffectNet's numbers for faces without an expression, with an uncertain one, and for no face.

    Args:
        folder: the split's folder.

    Raises:
        DataError: an annotation is missing or is not a number.
    """
    return [(file, _number(folder / _ANNOTATIONS / f"{file.stem}{_SUFFIX}")) for file in image_files(folder / _IMAGES)]


def _number(path: Path) -> str:
    """Return the number in an annotation. The authors' files hold it as text."""
    try:
        content = read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {path}: {first_line(error)}; expected the number of an expression") from error
    try:
        stream = io.BytesIO(content)
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(version)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        # Before an array is made of it: a header can name any size.
        if math.prod(shape) != 1 or dtype.kind not in "iufUS":
            raise ValueError(shape, dtype)
        return str(int(np.frombuffer(stream.read(), dtype, 1)[0]))
    except Exception as error:
        # NumPy reads a header as Python, and raises whatever Python's tokenizer does.
        raise DataError(f"{path} is not NumPy's form of one number: expected the number of an expression") from error
