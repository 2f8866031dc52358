"""What has changed between two small grey pictures, outside of the faces that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box

Floats = npt.NDArray[np.float32]

#: Side of a cell in pixels of the small picture: its mean is nearly free of a camera's noise.
CELL = 8
#: So many grey levels more or less than the picture as a whole, and a cell has changed.
MIN_CHANGE = 10.0
#: So many cells make something that may be a face: at 8 pixels the smallest that a detector finds here.
MIN_CELLS = 2
#: Where so much of the picture has changed from one frame to the next, it is another scene.
CUT_SHARE = 0.5
#: Cells this near to the picture's edge, in cells, are where faces enter.
_EDGE = 2
#: Boxes are widened by this share on each side: hair and shoulders move with a face.
_ROOM = 0.5


@dataclass(frozen=True)
class Motion:
    """What has changed.

    Attributes:
        share: of the picture's cells, 0..1.
        inside: cells that no known face explains.
        edge: those of them that are near the picture's edge.
    """

    share: float
    inside: int
    edge: int

    @property
    def cut(self) -> bool:
        """It is another scene."""
        return self.share >= CUT_SHARE

    @property
    def somewhere(self) -> bool:
        """Something moves outside of the known faces."""
        return self.inside >= MIN_CELLS

    @property
    def enters(self) -> bool:
        """Something moves where a face may enter."""
        return self.edge >= MIN_CELLS


def cells(picture: npt.NDArray[np.uint8]) -> Floats:
    """`(rows, columns)` float32: the mean of each cell, of a `(h, w)` uint8 picture."""
    height, width = picture.shape
    size = max(1, round(width / CELL)), max(1, round(height / CELL))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)  # type: ignore[no-any-return]


def motion(before: Floats, after: Floats, known: Sequence[Box], size_wh: tuple[int, int]) -> Motion:
    """What has changed between two pictures.

    Light that changes everywhere alike is no motion: as a factor, which is what a lamp or a camera's exposure does.

    Args:
        before: of the earlier picture, as `cells` gives them.
        after: of the later one, of the same shape.
        known: boxes of faces, in pixels of the picture.
        size_wh: width and height of the picture in pixels.
    """
    light = float(np.median((after + 1) / (before + 1)))
    changed = np.abs(after - before * np.float32(light)) > MIN_CHANGE * min(1.0, max(light, 0.3))
    share = float(changed.mean())
    rows, columns = changed.shape
    for x, y, w, h in known:
        left, right = (x - _ROOM * w) * columns / size_wh[0], (x + (1 + _ROOM) * w) * columns / size_wh[0]
        top, bottom = (y - _ROOM * h) * rows / size_wh[1], (y + (1 + _ROOM) * h) * rows / size_wh[1]
        changed[max(0, int(top)) : max(0, int(np.ceil(bottom))), max(0, int(left)) : max(0, int(np.ceil(right)))] = 0
    inside = int(changed.sum())
    middle = changed[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return Motion(share, inside, inside - int(middle.sum()))
