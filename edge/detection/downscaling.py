"""A detector that is shown a smaller picture than there is."""

from __future__ import annotations

from dataclasses import replace

import cv2

from edge.detection import Detector
from edge.types import Detection, Frame


def detect_downscaled(detector: Detector, frame: Frame, shrink: int) -> list[Detection]:
    """The faces that it finds in a frame of a `shrink` times smaller width and height, in pixels of the frame."""
    width, height = (max(1, side // shrink) for side in frame.size_wh)
    image = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
    across, down = frame.size_wh[0] / width, frame.size_wh[1] / height
    return [face.scaled(across, down) for face in detector.detect(replace(frame, image=image))]
