"""Face detectors behind one protocol: `blazeface` (default), `blazeface-short`, `haar`, `yunet`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edge.errors import WrongUseError
from edge.inference.threads import Threads
from edge.types import Detection, Frame

DETECTORS = ("blazeface", "blazeface-short", "haar", "yunet")


class Detector(Protocol):
    """Finds faces in a frame.

    Attributes:
        name: what it is called on the command line.
        box_scale: side of its boxes as a multiple of BlazeFace's around the same face, so that every
            detector's crops are framed alike; medians over FER-2013's Training faces, measured by
            tests/edge/detection/test_framing.py.
    """

    name: str
    box_scale: float

    def detect(self, frame: Frame) -> list[Detection]:
        """All faces in the frame, most confident first, boxes in pixels of the frame."""
        ...


def open_detector(spec: str, threads: Threads = 1) -> Detector:
    """A detector by name, or `NAME:FILE` for weights of another file, such as an int8 BlazeFace.

    Raises:
        WrongUseError: no such detector.
        WeightsMissingError: its weights are not on this machine.
        DetectorError: it cannot run here.
    """
    name, _, path = spec.partition(":")
    if name not in DETECTORS or (path and name == "haar"):
        raise WrongUseError(
            f"no detector {spec!r}: expected one of {', '.join(DETECTORS)}, yunet:FILE.onnx or blazeface:FILE.tflite"
        )
    if name == "haar":
        from edge.detection.haar import HaarDetector

        return HaarDetector()
    if name == "yunet":
        from edge.detection.yunet import YuNetDetector

        return YuNetDetector(Path(path) if path else None)
    from edge.detection.blazeface import BlazeFaceDetector

    return BlazeFaceDetector(name, threads, Path(path) if path else None)
