"""What there is to see at this moment, for a dashboard."""

from __future__ import annotations

from typing import Any

from edge import __version__
from edge.types import Aggregate, Event, FrameReport, Message

#: Frames a second and latency are taken over so long at least.
WINDOW_S = 5.0
#: A face that no frame has shown for so long is gone, also where no event said so; the tracker waits less.
GONE_S = 2.0


class DashboardState:
    """Keeps the expression, the number of faces, frames a second and latency.

    The expression is the one that was announced last of the faces that are there; None where there is none. Where
    only aggregates are told, it is the most frequent one of the last, with its share as score.

    Attributes:
        model: identity of the model that answers; None where that is not known.
    """

    def __init__(self) -> None:
        self.model: str | None = None
        self._expressions: dict[int, tuple[str, float]] = {}
        self._faces: int | None = 0
        self._seen_s = 0.0
        self._since_s: float | None = None
        self._frames, self._latency_ms = 0, 0.0
        self._fps: float | None = None
        self._mean_ms: float | None = None

    def add(self, message: Message) -> None:
        """Learn from an event; a source that is not online has no faces."""
        if isinstance(message, Event):
            self._expressions.pop(message.track_id, None)
            if message.state != "ended":
                # Behind the others: the last one announced.
                self._expressions[message.track_id] = (message.emotion, message.score)
            if message.state == "frame":
                # Nobody says when such a face ends.
                self._expressions = {message.track_id: (message.emotion, message.score)}
        elif isinstance(message, Aggregate):
            self._faces = message.faces
            self._expressions = {0: max(message.shares.items(), key=lambda pair: pair[1])}
        elif message.state != "online":
            self._expressions = {}
            self._faces = 0
            self._since_s = self._fps = self._mean_ms = None

    def add_frame(self, report: FrameReport, now_s: float) -> None:
        """Learn from a frame; `now_s` by the monotonic clock."""
        if report.faces is not None:
            self._faces = report.faces
            if report.faces:
                self._seen_s = now_s
            elif now_s - self._seen_s > GONE_S:
                self._expressions = {}
        if self._since_s is None:
            self._since_s, self._frames, self._latency_ms = now_s, 0, 0.0
            return
        self._frames += 1
        self._latency_ms += report.latency_ms.get("total", 0.0)
        if (lasted_s := now_s - self._since_s) >= WINDOW_S:
            self._fps, self._mean_ms = self._frames / lasted_s, self._latency_ms / self._frames
            self._since_s, self._frames, self._latency_ms = now_s, 0, 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain values; what is not known is None."""
        expression, score = next(reversed(self._expressions.values()), (None, None))
        return {
            "expression": expression,
            "score": score,
            "faces": self._faces,
            "fps": None if self._fps is None else round(self._fps, 1),
            "latency_ms": None if self._mean_ms is None else round(self._mean_ms, 1),
            "model": self.model,
            "version": __version__,
        }
