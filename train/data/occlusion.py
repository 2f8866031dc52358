"""Sunglasses and masks, drawn over the faces of an augmented batch.

They are placed where FER-2013's faces have their eyes and mouth, which vary by some 0.07 of the width and height.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

#: Medians over 674 faces of PublicTest that BlazeFace (short range) found, as shares of the width and the height.
LEFT_EYE, RIGHT_EYE, NOSE, MOUTH = (0.32, 0.39), (0.69, 0.39), (0.51, 0.60), (0.51, 0.78)
#: Half the width and half the height of a lens, as shares of the width and the height of the face.
_LENS_WIDTHS, _LENS_HEIGHTS = (0.12, 0.18), (0.08, 0.13)
#: The brightest lens. A mask has any brightness.
_BRIGHTEST_LENS = 70
#: The upper edge of a mask, between the nose's tip and its bridge.
_MASK_TOPS = (0.48, 0.60)


def draw_sunglasses(face: npt.NDArray[np.uint8], random: np.random.Generator) -> None:
    """Cover the eyes with two dark lenses and a bridge.

    Args:
        face: `(height, width)` uint8, changed in place.
        random: determines the size, the brightness and the tilt.
    """
    height, width = face.shape
    color = float(random.uniform(0, _BRIGHTEST_LENS))
    axes = round(random.uniform(*_LENS_WIDTHS) * width), round(random.uniform(*_LENS_HEIGHTS) * height)
    tilt_deg = random.uniform(-5, 5)
    left, right = _pixel(LEFT_EYE, face), _pixel(RIGHT_EYE, face)
    for center in (left, right):
        cv2.ellipse(face, center, axes, tilt_deg, 0, 360, color, -1)
    cv2.line(face, left, right, color, max(1, height // 32))


def draw_mask(face: npt.NDArray[np.uint8], random: np.random.Generator) -> None:
    """Cover the nose's tip, the mouth and the chin.

    Args:
        face: `(height, width)` uint8, changed in place.
        random: determines the height and the brightness.
    """
    top = random.uniform(*_MASK_TOPS)
    cheek = top + random.uniform(0.02, 0.10)
    # Clockwise, from the left cheek over the nose to the chin.
    corners = [(0.10, cheek), (NOSE[0], top), (0.90, cheek), (0.84, 0.85), (0.65, 1.0), (0.37, 1.0), (0.18, 0.85)]
    points = np.array([_pixel(corner, face) for corner in corners], np.int32)
    cv2.fillPoly(face, [points], float(random.uniform(0, 255)))


def _pixel(share: tuple[float, float], face: npt.NDArray[np.uint8]) -> tuple[int, int]:
    height, width = face.shape
    return round(share[0] * (width - 1)), round(share[1] * (height - 1))
