"""The current state, for a dashboard."""

from __future__ import annotations

from typing import Any

from edge import __version__
from edge.types import Aggregate, Event, FrameReport, Message

#: The frame rate and the latency are averaged over at least this time.
WINDOW_S = 5.0
#: A face that no frame has shown for this long has left, even without an event; the tracker waits less.
GONE_S = 2.0


class DashboardState:
    """Collects the expression, the number of faces, the frame rate and the latency.

    The expression is the one that was announced last among the faces in view; None without faces. If only aggregates
    are published, it is the most frequent expression of the last aggregate, and the score is its share.

    Attributes:
        model: identity of the model in use; None if it is not known.
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
        """Take a message into account; a source that is not online shows no faces."""
        if isinstance(message, Event):
            self._expressions.pop(message.track_id, None)
            if message.state != "ended":
                # At the end of the dictionary: the last one announced.
                self._expressions[message.track_id] = (message.emotion, message.score)
            if message.state == "frame":
                # With one event per frame there is no event when a face leaves.
                self._expressions = {message.track_id: (message.emotion, message.score)}
        elif isinstance(message, Aggregate):
            self._faces = message.faces
            self._expressions = {0: max(message.shares.items(), key=lambda pair: pair[1])}
        elif message.state != "online":
            self._expressions = {}
            self._faces = 0
            self._since_s = self._fps = self._mean_ms = None

    def add_frame(self, report: FrameReport, now_s: float) -> None:
        """Take a frame into account; `now_s` by the monotonic clock."""
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
        if (elapsed_s := now_s - self._since_s) >= WINDOW_S:
            self._fps, self._mean_ms = self._frames / elapsed_s, self._latency_ms / self._frames
            self._since_s, self._frames, self._latency_ms = now_s, 0, 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; None for what is not known."""
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
