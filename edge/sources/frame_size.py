"""Checks the size of a source's frames before they are converted to color, which takes twice the memory."""

from __future__ import annotations

import cv2

from edge.errors import SourceError
from edge.images import MAX_MEGAPIXELS

#: The largest frame of a live source, in pixels: 4096 x 4096, as the memory that it is published in.
MAX_LIVE_PIXELS = 4096 * 4096
#: The largest frame of a clip, in pixels; as of an image file.
MAX_CLIP_PIXELS = round(MAX_MEGAPIXELS * 1e6)


def check_frame_size(capture: cv2.VideoCapture, name: str, max_pixels: int) -> None:
    """Check the size of the frame that an OpenCV capture will return next.

    Args:
        capture: an opened capture.
        name: of the source, in the error message.
        max_pixels: the largest product of width and height.

    Raises:
        SourceError: the frame is larger.
    """
    width, height = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > max_pixels:
        raise SourceError(
            f"{name} gives frames of {width:.0f} x {height:.0f} pixels: expected at most {max_pixels / 1e6:.1f} "
            "megapixels; set a smaller size in the camera"
        )
