"""The current state of a room, for a dashboard: how many faces are in view, and what they show."""

from __future__ import annotations

from typing import Any

from edge import __version__
from edge.sinks.faces_in_view import FacesInView
from edge.types import UNCERTAIN_LABEL, Aggregate, Event, FrameReport, Message, SourceEvent

#: The frame rate and the latency are averaged over at least this time.
WINDOW_S = 5.0


class RoomState:
    """Counts the faces in view by the expression that was announced for each of them; and the frame rate and latency.

    If only aggregates are published, the expression is the most frequent one of the last aggregate, the score is its
    share, and there are no counts.

    Attributes:
        model: identity of the model in use; None if it is not known.
        labels: its class names, which the counts have in any case.
    """

    def __init__(self) -> None:
        self.model: str | None = None
        self.labels: tuple[str, ...] = ()
        self._faces = FacesInView()
        self._aggregate: Aggregate | None = None
        self._dominant: str | None = None
        self._since_s: float | None = None
        self._frames, self._latency_ms = 0, 0.0
        self._fps: float | None = None
        self._mean_ms: float | None = None

    def add(self, message: Message) -> None:
        """Take a message into account; a source that is not online shows no faces."""
        self._faces.add(message)
        if isinstance(message, Aggregate):
            self._aggregate = message
        elif isinstance(message, Event):
            self._aggregate = None
        elif isinstance(message, SourceEvent) and message.state != "online":
            self._aggregate = None
            self._since_s = self._fps = self._mean_ms = None
        self._dominant = self._most_frequent()

    def add_frame(self, report: FrameReport, now_s: float) -> None:
        """Take a frame into account; `now_s` by the monotonic clock."""
        self._faces.add_frame(report, now_s)
        self._dominant = self._most_frequent()
        if self._since_s is None:
            self._since_s, self._frames, self._latency_ms = now_s, 0, 0.0
            return
        self._frames += 1
        self._latency_ms += report.latency_ms.get("total", 0.0)
        if (elapsed_s := now_s - self._since_s) >= WINDOW_S:
            self._fps, self._mean_ms = self._frames / elapsed_s, self._latency_ms / self._frames
            self._since_s, self._frames, self._latency_ms = now_s, 0, 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; None for what is not known, and for the expression of a room without faces."""
        aggregate, score = self._aggregate, self._faces.mean_score(self._dominant)
        shown: dict[str, Any] = {
            "score": None if score is None else round(score, 4),
            "faces": len(self._faces),
            "counts": self._counts(),
        }
        if aggregate is not None:
            shown = {"score": aggregate.shares[str(self._dominant)], "faces": aggregate.faces, "counts": None}
        return {
            "expression": self._dominant,
            **shown,
            "fps": None if self._fps is None else round(self._fps, 1),
            "latency_ms": None if self._mean_ms is None else round(self._mean_ms, 1),
            "model": self.model,
            "version": __version__,
        }

    def _counts(self) -> dict[str, int]:
        shown = self._faces.counts()
        return {label: shown[label] for label in dict.fromkeys((*self.labels, UNCERTAIN_LABEL, *shown))}

    def _most_frequent(self) -> str | None:
        """Return the expression that most faces show: of several, the one so far, then the one with the best score."""
        if self._aggregate is not None:
            return max(self._aggregate.shares.items(), key=lambda pair: pair[1])[0]
        faces, shown = self._faces, self._faces.counts()
        return max(
            shown, key=lambda label: (shown[label], label == self._dominant, faces.mean_score(label)), default=None
        )
