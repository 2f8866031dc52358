"""OpenCV's Haar cascade (Viola & Jones, 2001): slower and less accurate than BlazeFace, but needs no weights."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np

from edge.errors import DetectorError
from edge.inference.threads import Threads
from edge.types import Detection, Frame

_FILE = "haarcascade_frontalface_default.xml"
#: Where Debian's opencv-data installs the cascades; the wheels carry them in cv2.data.
_DEBIAN = Path("/usr/share/opencv4/haarcascades")
#: Side of the cascade's window in pixels.
_WINDOW = 24


class HaarDetector:
    """The frontal-face cascade with scale factor 1.1 and four neighbors, the usual setting.

    Raises:
        DetectorError: this OpenCV has no cascades.
    """

    name: ClassVar[str] = "haar"
    box_scale: ClassVar[float] = 1.14
    weights_suffix: ClassVar[str] = ""
    cost_depends_on_frame_size: ClassVar[bool] = True

    def __init__(self) -> None:
        if not hasattr(cv2, "CascadeClassifier"):
            raise DetectorError(
                f"OpenCV {cv2.__version__} has no Haar cascades, 4.x had them: use --detector blazeface, "
                "or  pip install 'opencv-python-headless<5'"
            )
        bundled = getattr(getattr(cv2, "data", None), "haarcascades", None)
        path = (Path(bundled) if bundled else _DEBIAN) / _FILE
        if not path.exists():
            raise DetectorError(f"no cascade at {path}: apt install opencv-data, or use --detector blazeface")
        self._cascade = cv2.CascadeClassifier(str(path))

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the cascade that OpenCV brings. It takes no weights file, and OpenCV chooses its own threads."""
        del weights, threads
        return cls()

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in the frame, most confident first, without key points."""
        gray = frame.image_gray
        if min(gray.shape) < _WINDOW:
            return []
        boxes, _, weights = self._cascade.detectMultiScale3(gray, 1.1, 4, outputRejectLevels=True)
        faces = []
        for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True):
            # A cascade's level weight has no upper bound; this maps it into 0..1 and keeps the order.
            confidence = float(1 / (1 + np.exp(-weight / 2)))
            faces.append(Detection((float(x), float(y), float(w), float(h)), confidence))
        return sorted(faces, key=lambda face: -face.confidence)
