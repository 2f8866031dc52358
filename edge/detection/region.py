"""A square part of an image, possibly rotated: cut out for a detector, and detections in it placed in the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self, cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.images import halve
from edge.types import Detection


@dataclass(frozen=True)
class Region:
    """A square in an image.

    Attributes:
        center: x and y in pixels of the image.
        side: in pixels of the image.
        roll_deg: rotation of the square, clockwise; a face with this roll has none in the part.
    """

    center: tuple[float, float]
    side: float
    roll_deg: float = 0.0

    @classmethod
    def around(cls, size_wh: tuple[int, int], roll_deg: float) -> Self:
        """Return the smallest region with this rotation that contains an image of this size."""
        width, height = size_wh
        angle = math.radians(roll_deg)
        wide = abs(width * math.cos(angle)) + abs(height * math.sin(angle))
        high = abs(width * math.sin(angle)) + abs(height * math.cos(angle))
        return cls((width / 2, height / 2), max(wide, high), roll_deg)

    def cut(self, image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
        """Return the part as a square of `size` pixels; black beyond the edges of the image.

        Args:
            image: `(h, w, 3)` or `(h, w)` uint8.
            size: height and width of the result.
        """
        x, y, side = *self.center, self.side
        # Only what the square touches, halved while that loses nothing: warpAffine reads four pixels for each of its
        # own and would skip the others.
        reach = math.ceil(side * (0.5 if self.roll_deg == 0 else math.sqrt(0.5))) + 2
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        part = image[top : int(y) + reach + 1, left : int(x) + reach + 1]
        if not part.size:
            return np.zeros((size, size, *image.shape[2:]), np.uint8)
        x, y = x - left, y - top
        while side >= 2 * size and min(part.shape[:2]) >= 2:
            part = halve(part)
            x, y, side = x / 2, y / 2, side / 2
        matrix = cv2.getRotationMatrix2D((x, y), self.roll_deg, size / side)
        matrix[:, 2] += size / 2 - np.array([x, y])
        return cast("npt.NDArray[np.uint8]", cv2.warpAffine(part, matrix, (size, size)))

    def place(self, detection: Detection, size: int) -> Detection:
        """Return a detection in the part, which has `size` pixels, in pixels of the image.

        The box keeps its width and height: both are the face's own, whatever its roll.
        """
        scale = self.side / size
        angle = math.radians(self.roll_deg)
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) * scale

        def placed(points: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
            moved = (points - size / 2) @ rotation.T + np.array(self.center)
            return np.asarray(moved, np.float32)

        x, y, w, h = detection.box
        center_x, center_y = placed(np.array([x + w / 2, y + h / 2])).tolist()
        w, h = w * scale, h * scale
        points = None if detection.key_points is None else placed(detection.key_points)
        return Detection((center_x - w / 2, center_y - h / 2, w, h), detection.confidence, points)
