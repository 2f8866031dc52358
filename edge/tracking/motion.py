"""Motion detection: what changed between two thumbnails, outside of the known faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box

Floats = npt.NDArray[np.float32]

#: Side of a cell in thumbnail pixels: its mean is almost free of camera noise.
CELL = 8
#: A cell has changed where it differs by this many gray levels more than the image as a whole.
MIN_CHANGE = 10.0
#: This many changed cells may be a face: at 8 pixels per cell, the smallest face that the detectors find.
MIN_CELLS = 2
#: Where this share of the image has changed from one frame to the next, the scene has changed.
CUT_SHARE = 0.5
#: Width, in cells, of the border of the image where faces enter.
_EDGE = 2
#: Boxes are widened by this fraction on each side: hair and shoulders move with a face.
_PADDING = 0.5


@dataclass(frozen=True)
class Motion:
    """What has changed between two thumbnails.

    Attributes:
        share: of the cells of the image that changed, 0..1.
        unexplained: number of changed cells that no known face explains.
        border: number of those that lie near the edge of the image.
    """

    share: float
    unexplained: int
    border: int

    @property
    def is_cut(self) -> bool:
        """The scene has changed."""
        return self.share >= CUT_SHARE

    @property
    def anywhere(self) -> bool:
        """There is motion outside of the known faces."""
        return self.unexplained >= MIN_CELLS

    @property
    def at_edge(self) -> bool:
        """There is motion where a face may enter."""
        return self.border >= MIN_CELLS


def cells(image: npt.NDArray[np.uint8]) -> Floats:
    """Return the mean of each cell of a `(h, w)` uint8 image as `(rows, columns)` float32."""
    height, width = image.shape
    size = max(1, round(width / CELL)), max(1, round(height / CELL))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)  # type: ignore[no-any-return]


def motion(before: Floats, after: Floats, known: Sequence[Box], size_wh: tuple[int, int]) -> Motion:
    """Return what has changed between two thumbnails.

    A global change of brightness by a factor, which is what a lamp or the camera's exposure causes, is not motion.

    Args:
        before: cells of the earlier thumbnail.
        after: cells of the later one, of the same shape.
        known: boxes of the known faces, in thumbnail pixels.
        size_wh: width and height of the thumbnail in pixels.
    """
    brightness = float(np.median((after + 1) / (before + 1)))
    changed = np.abs(after - before * np.float32(brightness)) > MIN_CHANGE * min(1.0, max(brightness, 0.3))
    share = float(changed.mean())
    rows, columns = changed.shape
    for x, y, w, h in known:
        left, right = (x - _PADDING * w) * columns / size_wh[0], (x + (1 + _PADDING) * w) * columns / size_wh[0]
        top, bottom = (y - _PADDING * h) * rows / size_wh[1], (y + (1 + _PADDING) * h) * rows / size_wh[1]
        changed[max(0, int(top)) : max(0, int(np.ceil(bottom))), max(0, int(left)) : max(0, int(np.ceil(right)))] = 0
    unexplained = int(changed.sum())
    middle = changed[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return Motion(share, unexplained, unexplained - int(middle.sum()))
