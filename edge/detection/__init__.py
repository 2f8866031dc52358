"""Face detectors behind one protocol, their weights, and face alignment.

A detector is one file with one class and one entry in `DETECTORS`; a package of its own registers one with an
entry point of the group `mien.detectors` (see `edge.system.registry`). `weights.py` fetches and checks what the
detectors need, `alignment.py` cuts the gray square that a classifier reads out of the frame.
"""

from __future__ import annotations

from edge.detection.alignment import MIN_ROLL_DEG, align_face, crop_face, roll_deg
from edge.detection.detector import (
    DEFAULT_DETECTOR,
    DETECTORS,
    Detector,
    FaceDetector,
    VideoDetector,
    default_weights_state,
    detector_help,
    for_another_video,
    open_detector,
)

__all__ = [
    "DEFAULT_DETECTOR",
    "DETECTORS",
    "MIN_ROLL_DEG",
    "Detector",
    "FaceDetector",
    "VideoDetector",
    "align_face",
    "crop_face",
    "default_weights_state",
    "detector_help",
    "for_another_video",
    "open_detector",
    "roll_deg",
]
