"""Reads image files and resizes images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.system.image_header import image_size
from edge.system.native_logs import quiet_stderr

#: A larger image is not decoded unless the caller allows it: a file of 39 KB may claim 4 GB of pixels.
MAX_MEGAPIXELS = 50.0
_MAX_FILE_BYTES = 200_000_000
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """List the image files directly inside a folder, sorted by name, without hidden files."""
    return sorted(
        p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.suffix.lower() in IMAGE_SUFFIXES
    )


def read_image(
    path: Path, flags: int = cv2.IMREAD_COLOR, max_megapixels: float = MAX_MEGAPIXELS
) -> npt.NDArray[np.uint8]:
    """Decode one image file: `(h, w, 3)` uint8 BGR, or `(h, w)` with `cv2.IMREAD_GRAYSCALE`.

    Args:
        path: a JPEG, PNG, BMP or WebP file, whatever its name.
        flags: OpenCV's, see `cv2.imdecode`.
        max_megapixels: a larger image is not decoded.

    Raises:
        DataError: the file is missing, is not such an image, or is too large.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a regular file: expected an image")
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise DataError(f"{path} has {path.stat().st_size} bytes: expected an image of at most {_MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        width, height = image_size(data)
    except ValueError as error:
        raise DataError(
            f"{path} is not an image that OpenCV can read: expected a JPEG, PNG, BMP or WebP; {error}"
        ) from error
    if width * height > max_megapixels * 1e6:
        raise DataError(f"{path} has {width} x {height} pixels: expected at most {max_megapixels:g} megapixels")
    try:
        # A truncated PNG makes libpng write to the terminal.
        with quiet_stderr():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        # The image has more pixels than OpenCV accepts (2**30), or its header claims so.
        raise DataError(f"OpenCV cannot decode {path}: {error.err}") from error
    if image is None:
        raise DataError(f"{path} is not an image that OpenCV can read: expected a JPEG, PNG, BMP or WebP")
    return cast("npt.NDArray[np.uint8]", image)


def fit_within(size_wh: tuple[int, int], max_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the largest width and height with the proportions of `size_wh` that fit into `max_wh`; at least 1."""
    scale = min(max_wh[0] / size_wh[0], max_wh[1] / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def halve(image: npt.NDArray[np.uint8], into: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    """Downscale an image to half its width and height by area; an odd last row or column is left out.

    OpenCV averages blocks of 2x2 pixels with vector instructions, other areas pixel by pixel.

    Args:
        image: `(h, w, 3)` or `(h, w)` uint8, h and w at least 2.
        into: the array for the result; None allocates one.
    """
    h, w = image.shape[0] // 2, image.shape[1] // 2
    half = cv2.resize(image[: 2 * h, : 2 * w], (w, h), dst=into, interpolation=cv2.INTER_AREA)
    return cast("npt.NDArray[np.uint8]", half)


def downscale(image: npt.NDArray[np.uint8], size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize an image: halve it by area while it is at least twice as large, then resize it bilinearly.

    From 640x480 to 192x144 this takes a sixth of INTER_AREA's time, and detectors and classifiers do as well on the
    result (docs/explanation/performance.md). An image that is smaller than `size_wh` is enlarged bilinearly.

    Args:
        image: `(h, w, 3)` or `(h, w)` uint8.
        size_wh: width and height of the result.

    Returns:
        An image of that size; the same array if it has that size already.
    """
    return Downscaler(size_wh)(image)


class Downscaler:
    """Resizes a sequence of images to one size as `downscale` does, into buffers that are kept between calls.

    Args:
        size_wh: width and height of the results.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        self._size_wh = size_wh
        self._shape: tuple[int, ...] = ()
        self._halves: list[npt.NDArray[np.uint8]] = []
        self._last: npt.NDArray[np.uint8] = np.empty(0, np.uint8)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the image in that size. The next call overwrites it."""
        if image.shape[1::-1] == self._size_wh:
            return image
        if image.shape != self._shape:
            self._allocate(image.shape)
        for half in self._halves:
            image = halve(image, half)
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
    """Draws images, as large as they fit, into the center of a black canvas.

    Args:
        size_wh: width and height of the canvas.
        order: of the canvas's channels, `RGB` or `BGR`.

    Attributes:
        canvas: `(height, width, 3)` uint8 with the last image drawn.
    """

    def __init__(self, size_wh: tuple[int, int], order: Literal["RGB", "BGR"] = "RGB") -> None:
        self.canvas = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        self._order = order
        self._size_wh = size_wh
        self._inner: npt.NDArray[np.uint8] = self.canvas
        self._downscale = Downscaler(size_wh)
        self._image_wh: tuple[int, int] = (0, 0)
        self._placement = (1.0, 0, 0)

    def draw(self, image: npt.NDArray[np.uint8]) -> tuple[float, int, int]:
        """Draw an image in place of the last one.

        Args:
            image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray.

        Returns:
            The scale, in canvas pixels per image pixel, and the left and top of the image in the canvas.
        """
        image_wh = image.shape[1], image.shape[0]
        if image_wh != self._image_wh:
            self._place(image_wh)
        resized = self._downscale(image)
        if image.ndim == 2:
            cv2.cvtColor(resized, cv2.COLOR_GRAY2RGB, dst=self._inner)
        elif self._order == "RGB":
            cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=self._inner)
        else:
            self._inner[:] = resized
        return self._placement

    def _place(self, image_wh: tuple[int, int]) -> None:
        """Choose the position for images of this size, and clear the rest of the canvas once for all of them."""
        width, height = self._size_wh
        w, h = fit_within(image_wh, self._size_wh)
        left, top = (width - w) // 2, (height - h) // 2
        self.canvas[:] = 0
        self._inner = self.canvas[top : top + h, left : left + w]
        self._downscale = Downscaler((w, h))
        self._image_wh = image_wh
        self._placement = min(width / image_wh[0], height / image_wh[1]), left, top
