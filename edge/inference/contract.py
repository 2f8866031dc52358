"""The contract of every model: the labels and their order, the input, the output.

The input of a mien model is one gray face, `[1, H, W, 1]` uint8, 0..255, quantized with scale 1 and zero point 0, so
that a pixel is its own code. The output is `[1, N]` softmax in int8. Normalization is a layer inside the graph.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError

#: FER-2013's codes 0..6, in the order of the Kaggle challenge (Goodfellow et al., 2013).
FER2013_LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
#: With eight classes (FER+, AffectNet) contempt is appended.
EIGHT_LABELS = (*FER2013_LABELS, "contempt")

#: Height and width of a face, as in FER-2013, unless the model card states another size.
INPUT_SIZE = 48
#: FER-2013 frames faces wider than BlazeFace's box by this fraction of the box: the median over faces of the Training
#: split, which tests/edge/detection/test_framing.py measures again.
CROP_MARGIN = 0.17
#: A pixel is its own code.
INPUT_SCALE, INPUT_ZERO_POINT = 1.0, 0

#: Other names of the same expressions, as data sets and people use them.
_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def canonical_label(name: str) -> str:
    """Return mien's label for a class name of another data set. Classes are mapped by name, never by position.

    Args:
        name: a class name as the data set spells it, such as `Happiness`.

    Returns:
        One of `EIGHT_LABELS`.

    Raises:
        DataError: the name is not a known expression.
    """
    label = _SYNONYMS.get(name.strip().lower(), name.strip().lower())
    if label not in EIGHT_LABELS:
        raise DataError(f"unknown expression {name!r}: expected one of {', '.join(EIGHT_LABELS)}")
    return label


def preprocess(face_gray: npt.NDArray[np.uint8], size: int = INPUT_SIZE) -> npt.NDArray[np.uint8]:
    """Turn a gray face of any size into a model's input.

    Args:
        face_gray: `(height, width)` uint8, 0..255.
        size: the model's input height and width in pixels.

    Returns:
        `(1, size, size, 1)` uint8, 0..255. Downscaled by area (no aliasing), enlarged bilinearly.
    """
    if face_gray.shape != (size, size):
        is_larger = face_gray.shape[0] > size or face_gray.shape[1] > size
        interpolation = cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
        face_gray = cv2.resize(face_gray, (size, size), interpolation=interpolation)
    return face_gray.reshape(1, size, size, 1)


#: Interpolations for the faces of a foreign model; `contract` is that of `preprocess`.
RESIZES = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST, "contract": None}


def foreign_pixels(
    face_gray: npt.NDArray[np.uint8], size_wh: tuple[int, int], input_range: tuple[float, float], resize: str
) -> npt.NDArray[np.float32]:
    """Turn a gray face of any size into the real-valued input of a model with another range than the contract's.

    Args:
        face_gray: `(height, width)` uint8, 0..255.
        size_wh: width and height of the model's input in pixels.
        input_range: the values that 0 and 255 are mapped to.
        resize: a key of `RESIZES`.

    Returns:
        `(1, height, width, 1)` float32.
    """
    if resize == "contract" and size_wh[0] == size_wh[1]:
        face = preprocess(face_gray, size_wh[0])
    else:
        interpolation = RESIZES[resize]
        if interpolation is None:
            interpolation = cv2.INTER_AREA
        resized = cv2.resize(face_gray, size_wh, interpolation=interpolation)
        face = np.asarray(resized, np.uint8).reshape(1, size_wh[1], size_wh[0], 1)
    return in_range(face, input_range)


def in_range(pixels: npt.NDArray[np.uint8], input_range: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Map pixels 0..255 linearly to real values, float32; 0 and 255 become the ends of `input_range`."""
    low, high = input_range
    values: npt.NDArray[np.float32] = pixels.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
    return values


def quantize(
    values: npt.NDArray[np.floating[Any]], scale: float, zero_point: int, dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """Turn real values into integer codes: `round(value / scale) + zero_point`, then clipped to the dtype.

    Rounding comes before clipping, and ties go to the even number, as in the TFLite quantization specification.
    """
    limits = np.iinfo(np.dtype(dtype).type)
    codes: npt.NDArray[Any] = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return codes


def dequantize(codes: npt.NDArray[Any], scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """Turn integer codes into real values: `(code - zero_point) * scale`, float32."""
    return (codes.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
