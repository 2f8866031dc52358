"""Draws boxes and labels into images."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box, Frame

#: BGR.
_GREEN, _BLACK = (80, 220, 80), (0, 0, 0)


def draw_faces(image: npt.NDArray[np.uint8], faces: Iterable[tuple[Box, str]]) -> npt.NDArray[np.uint8]:
    """Draw a box and a label for each face.

    Args:
        image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray; it is not changed.
        faces: box in pixels of the image, and label; OpenCV's fonts have ASCII alone.

    Returns:
        `(h, w, 3)` uint8 BGR, a copy.
    """
    canvas = Frame(image).image_bgr.copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 400))
    for box, text in faces:
        x, y, w, h = (round(v) for v in box)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), _GREEN, thickness)
        font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, h / 400)
        (width, height), descent = cv2.getTextSize(text, font, scale, thickness)
        # Above the box, or inside it where there is no room above.
        top = y - height - descent - 4 if y - height - descent - 4 >= 0 else y
        cv2.rectangle(canvas, (x, top), (x + width + 4, top + height + descent + 4), _GREEN, cv2.FILLED)
        cv2.putText(canvas, text, (x + 2, top + height + 2), font, scale, _BLACK, thickness, cv2.LINE_AA)
    return canvas
