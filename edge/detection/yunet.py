"""YuNet (Wu et al., 2023), run by OpenCV's FaceDetectorYN."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np

from edge.detection.weights import YUNET_FILE
from edge.errors import DetectorError, WeightsMissingError
from edge.images import downscale, fit_within
from edge.inference.threads import Threads
from edge.system.cache import weights_folder
from edge.types import Detection, Frame

#: OpenCV's defaults for the score and the overlap.
_MIN_SCORE, _MAX_OVERLAP, _TOP_K = 0.7, 0.3, 5000
#: Larger frames are downscaled to this width or height: YuNet was trained for 320 and finds faces of 10 to 300 pixels.
_MAX_SIDE = 640


class YuNetDetector:
    """YuNet, with the .onnx file of OpenCV Zoo.

    Args:
        path: the file with the weights.

    Raises:
        WeightsMissingError: there is no such file.
        DetectorError: OpenCV cannot load it.
    """

    name: ClassVar[str] = "yunet"
    box_scale: ClassVar[float] = 1.0
    weights_suffix: ClassVar[str] = ".onnx"
    cost_depends_on_frame_size: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WeightsMissingError(
                f"no weights of the detector yunet on this machine (expected {path}): `mien models pull` cannot "
                f"download them; put {YUNET_FILE} of OpenCV Zoo there, or use --detector yunet:FILE.onnx"
            )
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), _MIN_SCORE, _MAX_OVERLAP, _TOP_K)
        except cv2.error as error:
            raise DetectorError(f"OpenCV cannot load {path} ({error.err}): expected the .onnx file of YuNet") from error

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the detector with a weights file, or with the one in mien's cache. OpenCV chooses its own threads."""
        del threads
        return cls(weights or weights_folder() / YUNET_FILE)

    @classmethod
    def weights_state(cls) -> str:
        """Return whether the weights in mien's cache are `present` or `missing`."""
        return "present" if (weights_folder() / YUNET_FILE).is_file() else "missing"

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in the frame, most confident first, with five key points in YuNet's order.

        Key points: right eye, left eye, nose tip, right and left corner of the mouth.
        """
        image = frame.image_bgr
        scale = min(1.0, _MAX_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = downscale(image, fit_within(frame.size_wh, (_MAX_SIDE, _MAX_SIDE)))
        self._net.setInputSize((image.shape[1], image.shape[0]))
        try:
            _, rows = self._net.detect(image)
        except cv2.error as error:
            raise DetectorError(f"YuNet failed on a {image.shape[1]}x{image.shape[0]} frame: {error.err}") from error
        faces = []
        for row in rows if rows is not None else ():
            x, y, w, h = (float(v) / scale for v in row[:4])
            points = (row[4:14].reshape(5, 2) / scale).astype(np.float32)
            faces.append(Detection((x, y, w, h), float(row[14]), points))
        return sorted(faces, key=lambda face: -face.confidence)
