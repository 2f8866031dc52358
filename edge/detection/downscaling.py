"""Runs a detector on a smaller image than the frame, to save time."""

from __future__ import annotations

from dataclasses import replace

import cv2

from edge.detection.detector import FaceDetector
from edge.types import Detection, Frame


def detect_downscaled(detector: FaceDetector, frame: Frame, factor: int) -> list[Detection]:
    """Detect faces in a frame whose width and height are divided by `factor`; boxes are in pixels of the frame."""
    width, height = (max(1, side // factor) for side in frame.size_wh)
    image = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
    x_factor, y_factor = frame.size_wh[0] / width, frame.size_wh[1] / height
    return [face.scaled(x_factor, y_factor) for face in detector.detect(replace(frame, image=image))]
