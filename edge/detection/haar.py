"""OpenCV's Haar cascade (Viola & Jones, 2001): slower and less exact than BlazeFace, needs no weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import DetectorError
from edge.types import Detection, Frame

_FILE = "haarcascade_frontalface_default.xml"
#: Where Debian's opencv-data puts the cascades; the wheels carry them in cv2.data.
_DEBIAN = Path("/usr/share/opencv4/haarcascades")


class HaarDetector:
    """The frontal-face cascade, scale factor 1.1 and four neighbours, the usual setting.

    Raises:
        DetectorError: this OpenCV has no cascades.
    """

    name = "haar"
    box_scale = 1.14

    def __init__(self) -> None:
        if not hasattr(cv2, "CascadeClassifier"):
            raise DetectorError(
                f"OpenCV {cv2.__version__} has no Haar cascades, 4.x had: use --detector blazeface, "
                "or  pip install 'opencv-python-headless<5'"
            )
        carried = getattr(getattr(cv2, "data", None), "haarcascades", None)
        path = (Path(carried) if carried else _DEBIAN) / _FILE
        if not path.exists():
            raise DetectorError(f"no cascade at {path}: apt install opencv-data, or use --detector blazeface")
        self._cascade = cv2.CascadeClassifier(str(path))

    def detect(self, frame: Frame) -> list[Detection]:
        """All faces in the frame, most confident first; no key points."""
        gray = frame.image_gray
        if min(gray.shape) < 24:
            # The cascade's window is 24 pixels.
            return []
        boxes, _, weights = self._cascade.detectMultiScale3(gray, 1.1, 4, outputRejectLevels=True)
        found = []
        for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True):
            # A cascade's level weight has no upper bound; this squeezes it into 0..1, order kept.
            confidence = float(1 / (1 + np.exp(-weight / 2)))
            found.append(Detection((float(x), float(y), float(w), float(h)), confidence))
        return sorted(found, key=lambda face: -face.confidence)
