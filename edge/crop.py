"""From a box in a frame to the grey square that a classifier reads."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box


def crop_face(image: npt.NDArray[np.uint8], box: Box, margin: float) -> npt.NDArray[np.uint8]:
    """Cut a square around a box; where it reaches beyond the frame, the frame's edge is repeated.

    Args:
        image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 grey.
        box: the face, in pixels of the image.
        margin: the square is `1 + margin` times the box's longer side.

    Returns:
        `(s, s)` uint8 grey, s at least 1.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    side = max(1, round(max(w, h) * (1 + margin)))
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    # At least one row and column of the frame, also for a box that lies wholly beside it.
    x0, y0 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x1, y1 = max(min(left + side, width), x0 + 1), max(min(top + side, height), y0 + 1)
    face = image[y0:y1, x0:x1]
    if face.ndim == 3:
        face = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    before_x, before_y = max(0, x0 - left), max(0, y0 - top)
    after_x, after_y = max(0, side - before_x - (x1 - x0)), max(0, side - before_y - (y1 - y0))
    if before_x or before_y or after_x or after_y:
        face = cv2.copyMakeBorder(face, before_y, after_y, before_x, after_x, cv2.BORDER_REPLICATE)
    return face[:side, :side]
