"""What a viewer sees of one frame: the picture and, in the same message, what belongs to it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.events import reported_expression
from edge.types import Box, Frame, FrameReport, Track

#: The longer side of the picture that is sent, in pixels: a phone shows no more, and it bounds the encoder's work.
MAX_SIDE = 960
JPEG_QUALITY = 75


@dataclass(frozen=True)
class Face:
    """One face as it was in this frame: the track goes on, and changes.

    Attributes:
        box: in pixels of the source's frame in full.
        expression: what was announced.
        scores: `(n,)` float32, smoothed.
    """

    track_id: int
    box: Box
    expression: str
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FrameMessage:
    """A frame, its faces, and what it took; `labels` are the names of the scores."""

    frame: Frame
    faces: tuple[Face, ...]
    labels: tuple[str, ...]
    latency_ms: dict[str, float]
    fps: float
    dropped_fps: float

    @classmethod
    def of(
        cls,
        frame: Frame,
        tracks: list[Track],
        report: FrameReport,
        labels: tuple[str, ...],
        fps: float,
        dropped_fps: float,
    ) -> FrameMessage:
        """What is true now. The picture is not copied: nobody may write into it afterwards."""
        faces = tuple(Face(t.track_id, t.box, reported_expression(t, labels), t.smoothed) for t in tracks)
        return cls(frame, faces, labels, dict(report.latency_ms), fps, dropped_fps)

    def as_message(self) -> bytes:
        """Length of the JSON (4 bytes, big-endian), the JSON, the JPEG; that one is empty where it cannot be made."""
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
            size = max(1, round(width * scale)), max(1, round(height * scale))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        made, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error:
        return b""
    return data.tobytes() if made else b""
