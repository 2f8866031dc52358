"""From a face in a frame to the grey square that a classifier reads, upright."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from edge.images import halved, shrink
from edge.types import Box, Detection

#: Heads that lean less are cut out as they are: setting them upright gains nothing (docs/explanation/performance.md).
MIN_ROLL_DEG = 15.0
#: Eyes this near to each other, as a share of the box, are those of a face in profile: their line says little about
#: how the head leans. From the front they are 0.4 to 0.5 apart.
_MIN_EYES = 0.2


def align_face(
    image: npt.NDArray[np.uint8], face: Detection, margin: float, size: int | None = None
) -> npt.NDArray[np.uint8]:
    """Cut a square around a face; where the head leans, the square leans with it.

    Args and return are those of `crop_face`, with the face for the box.
    """
    lean = roll_deg(face)
    if abs(lean) < MIN_ROLL_DEG:
        return crop_face(image, face.box, margin, size)
    x, y, w, h = face.box
    side = max(1, round(max(w, h) * (1 + margin)))
    # A square that leans reaches at most half its diagonal from the middle.
    reach = math.ceil(side * math.sqrt(2)) + 2
    around = crop_face(image, (x + w / 2 - reach / 2, y + h / 2 - reach / 2, reach, reach), 0.0)
    size = size or side
    # Halved first, as in `shrink`: the turn looks at four pixels for each of its own, and would skip the others.
    shrunk = 1.0
    while side * shrunk >= 2 * size:
        shrunk /= 2
        around = halved(around)
    middle = (around.shape[0] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), lean, size / (side * shrunk))
    turn[:, 2] += (size - 1) / 2 - middle
    return cv2.warpAffine(around, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def roll_deg(face: Detection) -> float:
    """How far the line through the eyes falls to the right, in degrees: positive where the head leans clockwise.

    0 where the detector gives no eyes, and where they are too near to each other to tell.
    """
    if face.key_points is None or len(face.key_points) < 2:
        return 0.0
    # The person's right eye, then the left one, in BlazeFace's order and in YuNet's.
    across, down = (face.key_points[1] - face.key_points[0]).tolist()
    if math.hypot(across, down) < _MIN_EYES * max(face.box[2:]):
        return 0.0
    return math.degrees(math.atan2(down, across))


def crop_face(image: npt.NDArray[np.uint8], box: Box, margin: float, size: int | None = None) -> npt.NDArray[np.uint8]:
    """Cut a square around a box; where it reaches beyond the frame, the frame's edge is repeated.

    Args:
        image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 grey.
        box: the face, in pixels of the image.
        margin: the square is `1 + margin` times the box's longer side.
        size: height and width to resize the square to; None leaves it as it is.

    Returns:
        `(size, size)` uint8 grey, or `(s, s)`, s at least 1.
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
    face = face[:side, :side]
    return face if size is None else shrink(face, (size, size))
