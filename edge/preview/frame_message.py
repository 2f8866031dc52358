"""The message that shows a viewer one frame: the picture and its data together."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.preview.tracked_face import TrackedFace
from edge.types import Frame

#: The longer side of the picture in pixels: a phone shows no more, and it bounds the encoder's work.
MAX_SIDE = 960
JPEG_QUALITY = 75


@dataclass(frozen=True)
class FrameMessage:
    """A frame and its data; encoded only if a viewer waits for it.

    Attributes:
        source: name of the source.
        frame: its image must not change any more.
        faces: the faces in it.
        labels: names of the scores.
        latency_ms: stage to milliseconds.
        fps: frames processed per second.
        dropped_fps: frames dropped per second.
    """

    source: str
    frame: Frame
    faces: tuple[TrackedFace, ...]
    labels: tuple[str, ...]
    latency_ms: dict[str, float]
    fps: float
    dropped_fps: float

    def encode(self) -> bytes:
        """Return the length of the JSON (4 bytes, big-endian), the JSON, and the JPEG, empty if encoding fails."""
        faces = [
            {
                "id": face.track_id,
                "box": [round(float(v), 1) for v in face.box],
                "expression": face.expression,
                "scores": [round(float(v), 3) for v in face.scores],
            }
            for face in self.faces
        ]
        head = {
            "source": self.source,
            "frame": self.frame.index,
            "size": self.frame.full_wh,
            "labels": self.labels,
            "faces": faces,
            "latency_ms": {stage: round(ms, 2) for stage, ms in self.latency_ms.items()},
            "fps": round(self.fps, 1),
            "dropped_fps": round(self.dropped_fps, 1),
        }
        text = json.dumps(head, separators=(",", ":")).encode()
        return struct.pack(">I", len(text)) + text + _jpeg(self.frame.image)


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    try:
        if max(height, width) > MAX_SIDE:
            scale = MAX_SIDE / max(height, width)
            size_wh = max(1, round(width * scale)), max(1, round(height * scale))
            image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
        is_encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error:
        return b""
    return data.tobytes() if is_encoded else b""
