"""Image files: which ones there are, and their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.system.native_logs import quiet_stderr

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


def fit_within(size_wh: tuple[int, int], most_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture, in proportion, as large as they fit into `most_wh`; at least 1."""
    scale = min(most_wh[0] / size_wh[0], most_wh[1] / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def halved(image: npt.NDArray[np.uint8], into: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    """A picture of half the width and height, by area; an odd last row or column is left out.

    OpenCV averages 2x2 pixels in vector instructions, any other area pixel by pixel.

    Args:
        image: `(h, w, 3)` or `(h, w)` uint8, h and w at least 2.
        into: where to write it; None makes a new one.
    """
    h, w = image.shape[0] // 2, image.shape[1] // 2
    half = cv2.resize(image[: 2 * h, : 2 * w], (w, h), dst=into, interpolation=cv2.INTER_AREA)
    return cast("npt.NDArray[np.uint8]", half)


def shrink(image: npt.NDArray[np.uint8], size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize a picture: halved by area while it is twice as large or more, then bilinearly; enlarged bilinearly.

    From 640x480 to 192x144 this takes a sixth of INTER_AREA's time, and detectors and classifiers do as well on it
    (docs/explanation/performance.md).

    Args:
        image: `(h, w, 3)` or `(h, w)` uint8.
        size_wh: width and height to have.

    Returns:
        A picture of that size; the same array where it has it already.
    """
    return Shrinking(size_wh)(image)


class Shrinking:
    """`shrink` to one size, for pictures that come one after the other: buffers stay while the pictures' size does.

    Args:
        size_wh: width and height to have.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        self._size_wh = size_wh
        self._shape: tuple[int, ...] = ()
        self._halves: list[npt.NDArray[np.uint8]] = []
        self._last: npt.NDArray[np.uint8] = np.empty(0, np.uint8)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The picture at that size. It is overwritten by the next call."""
        if image.shape[1::-1] == self._size_wh:
            return image
        if image.shape != self._shape:
            self._allocate(image.shape)
        for half in self._halves:
            image = halved(image, half)
        if image.shape[1::-1] == self._size_wh:
            return image
        cv2.resize(image, self._size_wh, dst=self._last, interpolation=cv2.INTER_LINEAR)
        return self._last

    def _allocate(self, shape: tuple[int, ...]) -> None:
        self._shape, self._halves = shape, []
        (h, w), rest = shape[:2], shape[2:]
        while w >= 2 * self._size_wh[0] and h >= 2 * self._size_wh[1]:
            h, w = h // 2, w // 2
            self._halves.append(np.empty((h, w, *rest), np.uint8))
        self._last = np.empty((self._size_wh[1], self._size_wh[0], *rest), np.uint8)


class Letterbox:
    """Draws pictures as large as they fit into the middle of black, as RGB.

    Args:
        size_wh: width and height of the whole.

    Attributes:
        canvas: `(height, width, 3)` uint8 RGB, the last picture drawn.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        self.canvas = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        self._size_wh = size_wh
        self._inner: npt.NDArray[np.uint8] = self.canvas
        self._shrink = Shrinking(size_wh)
        self._image_wh: tuple[int, int] = (0, 0)
        self._placed = (1.0, 0, 0)

    def draw(self, image: npt.NDArray[np.uint8]) -> tuple[float, int, int]:
        """Draw a picture over the last one.

        Args:
            image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 grey.

        Returns:
            Pixels of the canvas a pixel of the image, and the left and top of the image in the canvas.
        """
        image_wh = image.shape[1], image.shape[0]
        if image_wh != self._image_wh:
            self._place(image_wh)
        how = cv2.COLOR_BGR2RGB if image.ndim == 3 else cv2.COLOR_GRAY2RGB
        cv2.cvtColor(self._shrink(image), how, dst=self._inner)
        return self._placed

    def _place(self, image_wh: tuple[int, int]) -> None:
        """Choose where pictures of this size go, and blacken the rest, once for all of them."""
        width, height = self._size_wh
        w, h = fit_within(image_wh, self._size_wh)
        left, top = (width - w) // 2, (height - h) // 2
        self.canvas[:] = 0
        self._inner = self.canvas[top : top + h, left : left + w]
        self._shrink = Shrinking((w, h))
        self._image_wh = image_wh
        self._placed = min(width / image_wh[0], height / image_wh[1]), left, top
