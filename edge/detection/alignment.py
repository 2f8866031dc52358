"""Face alignment: from a face in a frame to the gray square that a classifier reads, without in-plane rotation."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from edge.images import downscale, halve
from edge.types import Box, Detection

#: Faces with less roll are cropped without rotation: aligning them gains nothing (docs/experiments/roll.py).
MIN_ROLL_DEG = 15.0
#: Eyes closer together than this fraction of the box belong to a face in profile, whose eye line is no measure of
#: the roll of the head. In a frontal face they are 0.4 to 0.5 apart.
_MIN_EYE_DISTANCE = 0.2


def align_face(
    image: npt.NDArray[np.uint8], face: Detection, margin: float, size: int | None = None
) -> npt.NDArray[np.uint8]:
    """Cut a square around a face and undo its roll (in-plane rotation).

    Args and return value are those of `crop_face`, with the face in place of the box.
    """
    roll = roll_deg(face)
    if abs(roll) < MIN_ROLL_DEG:
        return crop_face(image, face.box, margin, size)
    x, y, w, h = face.box
    side = max(1, round(max(w, h) * (1 + margin)))
    # A rotated square reaches at most half its diagonal from the center.
    reach = math.ceil(side * math.sqrt(2)) + 2
    around = crop_face(image, (x + w / 2 - reach / 2, y + h / 2 - reach / 2, reach, reach), 0.0)
    size = size or side
    # Halved first, as in `edge.images.downscale`: warpAffine reads four pixels for each of its own and would skip
    # the others.
    downscaled = 1.0
    while side * downscaled >= 2 * size:
        downscaled /= 2
        around = halve(around)
    center = (around.shape[0] - 1) / 2
    rotation = cv2.getRotationMatrix2D((center, center), roll, size / (side * downscaled))
    rotation[:, 2] += (size - 1) / 2 - center
    return cv2.warpAffine(around, rotation, (size, size), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def roll_deg(face: Detection) -> float:
    """Return the roll of a face in degrees, from the line through its eyes; positive is clockwise.

    0 where the detector gives no eyes, and where they are too close together for a reliable angle.
    """
    if face.key_points is None or len(face.key_points) < 2:
        return 0.0
    # The person's right eye, then the left one, in the order of BlazeFace and of YuNet.
    dx, dy = (face.key_points[1] - face.key_points[0]).tolist()
    if math.hypot(dx, dy) < _MIN_EYE_DISTANCE * max(face.box[2:]):
        return 0.0
    return math.degrees(math.atan2(dy, dx))


def crop_face(image: npt.NDArray[np.uint8], box: Box, margin: float, size: int | None = None) -> npt.NDArray[np.uint8]:
    """Cut a square around a box; beyond the edge of the frame, the edge is repeated.

    Args:
        image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray.
        box: the face, in pixels of the image.
        margin: the square is `1 + margin` times the box's longer side.
        size: height and width to resize the square to; None keeps its size.

    Returns:
        `(size, size)` uint8 gray, or `(s, s)`, s at least 1.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    side = max(1, round(max(w, h) * (1 + margin)))
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    # At least one row and column of the frame, even for a box that lies entirely outside it.
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
    return face if size is None else downscale(face, (size, size))
