"""Which faces are in view and what they show, from events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from edge.types import Event, FrameReport, Message, SourceEvent

#: If frames show fewer faces than were announced for this long, the rest has left without an event: the queue may have
#: dropped it. The tracker announces the end of a face after two seconds.
GONE_S = 4.0


class FacesInView:
    """The announced expression of each face, from its event `started` to its event `ended`.

    With one event per frame, a face is in view in that frame.
    """

    def __init__(self) -> None:
        #: Number of the face to expression and score, those announced last at the end.
        self._faces: dict[int, tuple[str, float]] = {}
        #: The frame of which these are the faces, if events come with every frame; None if they come with changes.
        self._frame: int | None = None
        #: Since when frames show fewer faces, by the monotonic clock.
        self._fewer_since_s: float | None = None

    def __len__(self) -> int:
        return len(self._faces)

    def counts(self) -> Counter[str]:
        """Return expression to number of faces."""
        return Counter(expression for expression, _ in self._faces.values())

    def shows(self, expressions: Container[str]) -> bool:
        """Return whether at least one face shows one of these expressions."""
        return any(expression in expressions for expression, _ in self._faces.values())

    def mean_score(self, expression: str | None) -> float | None:
        """Return the mean score of the faces that show an expression; None if none does."""
        scores = [score for shown, score in self._faces.values() if shown == expression]
        return sum(scores) / len(scores) if scores else None

    def add(self, message: Message) -> None:
        """Take a message into account; a source that is not online shows no faces."""
        if isinstance(message, Event):
            self._add_event(message)
        elif isinstance(message, SourceEvent) and message.state != "online":
            self._faces.clear()

    def add_frame(self, report: FrameReport, now_s: float) -> None:
        """Take the report on one frame into account.

        Args:
            report: its number of faces may be None.
            now_s: by the monotonic clock.
        """
        if report.faces is None or report.faces >= len(self._faces):
            self._fewer_since_s = None
            return
        if self._fewer_since_s is None:
            self._fewer_since_s = now_s
        # With one event per frame, there is none for a frame without faces.
        if now_s - self._fewer_since_s > GONE_S or (self._frame is not None and not report.faces):
            self._faces = dict(list(self._faces.items())[len(self._faces) - report.faces :])

    def _add_event(self, event: Event) -> None:
        if event.state != "frame":
            self._frame = None
        elif event.frame != self._frame:
            self._frame = event.frame
            self._faces.clear()
        self._faces.pop(event.track_id, None)
        if event.state != "ended":
            self._faces[event.track_id] = (event.emotion, event.score)
