"""What the daemon sees now, as plain values without a picture: the answer of `GET /api/v1/state`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.preview.tracked_face import TrackedFace
from edge.types import UNCERTAIN_LABEL, Frame, FrameReport, SourceEvent, utc_text


@dataclass(frozen=True)
class _LastFrame:
    """The last frame without its picture, and the faces in it."""

    time: datetime
    index: int
    size_wh: tuple[int, int]
    report: FrameReport
    rates: tuple[float, float]
    labels: tuple[str, ...]
    faces: Sequence[TrackedFace]


class CurrentState:
    """The state of the source, the last frame and its faces.

    The loop's thread writes, the server's thread reads; each exchanges one reference.

    Args:
        name: of the camera; empty if it has none of its own.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._source: SourceEvent | None = None
        self._frame: _LastFrame | None = None

    def set_source(self, event: SourceEvent) -> None:
        """Take a change of the source's state; a source that is not online shows no faces."""
        self._source = event
        if event.state != "online":
            self._frame = None

    def set_frame(
        self,
        frame: Frame,
        faces: Sequence[TrackedFace],
        report: FrameReport,
        labels: tuple[str, ...],
        rates: tuple[float, float],
    ) -> None:
        """Take one frame.

        Args:
            frame: its picture is not kept.
            faces: the faces in it.
            report: on the frame.
            labels: names of the scores.
            rates: frames processed and frames dropped per second.
        """
        self._frame = _LastFrame(datetime.now(UTC), frame.index, frame.full_wh, report, rates, labels, faces)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as `openapi.json` describes them."""
        source, frame = self._source, self._frame
        name = source.source if source else frame.report.source if frame else self._name or None
        state = {"name": name, "state": source.state if source else None, "reason": source.reason if source else ""}
        if frame is None:
            return {"source": state, "frame": None, "faces": None, "counts": None}
        fps, dropped_fps = frame.rates
        about = {
            "time": utc_text(frame.time),
            "index": frame.index,
            "size": list(frame.size_wh),
            "latency_ms": {stage: round(ms, 2) for stage, ms in frame.report.latency_ms.items()},
            "fps": round(fps, 1),
            "dropped_fps": round(dropped_fps, 1),
        }
        shown = Counter(face.expression for face in frame.faces)
        return {
            "source": state,
            "frame": about,
            "faces": [_face(face, frame.labels) for face in frame.faces],
            "counts": {label: shown[label] for label in (*frame.labels, UNCERTAIN_LABEL)},
        }


def _face(face: TrackedFace, labels: tuple[str, ...]) -> dict[str, Any]:
    scores = {label: round(float(score), 4) for label, score in zip(labels, face.scores, strict=True)}
    return {
        "id": face.track_id,
        "box": [round(float(value)) for value in face.box],
        "expression": face.expression,
        "score": scores.get(face.expression, max(scores.values())),
        "scores": scores,
    }
