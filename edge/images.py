"""Image files: which ones there are, and their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.quiet import quiet_stderr

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """The image files directly inside a folder that are not hidden, sorted by name."""
    return sorted(
        p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.suffix.lower() in IMAGE_SUFFIXES
    )


def read_image(path: Path, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[np.uint8]:
    """Decode one image file: `(h, w, 3)` uint8 BGR, or `(h, w)` with `cv2.IMREAD_GRAYSCALE`.

    Raises:
        DataError: the file is missing or is no image.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no regular file: expected an image")
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        # A cut PNG makes libpng write to the terminal.
        with quiet_stderr():
            image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:
        # More pixels than OpenCV takes (2**30), or a header that promises them.
        raise DataError(f"OpenCV cannot decode {path}: {error.err}") from error
    if image is None:
        raise DataError(f"{path} is not an image that OpenCV can read: expected a JPEG, PNG, BMP or WebP")
    return cast("npt.NDArray[np.uint8]", image)


def letterbox(image_bgr: npt.NDArray[np.uint8], canvas: npt.NDArray[np.uint8]) -> tuple[float, int, int]:
    """Draw an image as large as it fits into the middle of black, as RGB.

    Args:
        image_bgr: `(h, w, 3)` uint8.
        canvas: `(height, width, 3)` uint8, overwritten.

    Returns:
        Pixels of the canvas a pixel of the image, and the left and top of the image in the canvas.
    """
    height, width = canvas.shape[:2]
    scale = min(width / image_bgr.shape[1], height / image_bgr.shape[0])
    w, h = max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale))
    left, top = (width - w) // 2, (height - h) // 2
    resized = cv2.resize(image_bgr, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas[:] = 0
    canvas[top : top + h, left : left + w] = resized[:, :, ::-1]
    return scale, left, top
