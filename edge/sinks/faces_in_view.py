"""Which faces are in view and what they show, from events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from edge.types import Event, FrameReport, Message, SourceEvent

#: If frames show fewer faces than were announced for this long, the rest has left without an event: the queue may have
#: dropped it. The tracker announces the end of a face after two seconds.
GONE_S = 4.0
#: A source without a frame for this long was exchanged by a reload, or has ended: one that stalls is reported.
SILENT_S = 60.0


class FacesInView:
    """The announced expression of each face, from its event `started` to its event `ended`.

    With one event per frame, a face is in view in that frame. The faces of several cameras are counted together.
    """

    def __init__(self) -> None:
        #: Source to number of the face to expression and score, those announced last at the end.
        self._sources: dict[str, dict[int, tuple[str, float]]] = {}
        #: Source to the frame of which these are the faces, if events come with every frame and not with changes.
        self._frames: dict[str, int] = {}
        #: Source to the time since when its frames show fewer faces, by the monotonic clock.
        self._fewer_since_s: dict[str, float] = {}
        #: Source to the time of its last frame.
        self._last_frame_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._faces)

    @property
    def _faces(self) -> list[tuple[str, float]]:
        """Expression and score of each face."""
        return [face for faces in self._sources.values() for face in faces.values()]

    def counts(self) -> Counter[str]:
        """Return expression to number of faces."""
        return Counter(expression for expression, _ in self._faces)

    def shows(self, expressions: Container[str]) -> bool:
        """Return whether at least one face shows one of these expressions."""
        return any(expression in expressions for expression, _ in self._faces)

    def mean_score(self, expression: str | None) -> float | None:
        """Return the mean score of the faces that show an expression; None if none does."""
        scores = [score for shown, score in self._faces if shown == expression]
        return sum(scores) / len(scores) if scores else None

    def add(self, message: Message) -> None:
        """Take a message into account; a source that is not online shows no faces."""
        if isinstance(message, Event):
            self._add_event(message)
        elif isinstance(message, SourceEvent) and message.state != "online":
            self._sources.pop(message.source, None)

    def add_frame(self, report: FrameReport, now_s: float) -> None:
        """Take the report on one frame into account.

        Args:
            report: its number of faces may be None.
            now_s: by the monotonic clock.
        """
        self._last_frame_s[report.source] = now_s
        for silent in [source for source, last_s in self._last_frame_s.items() if now_s - last_s > SILENT_S]:
            for of_source in (self._sources, self._frames, self._fewer_since_s, self._last_frame_s):
                of_source.pop(silent, None)
        source, faces = report.source, self._sources.get(report.source, {})
        if report.faces is None or report.faces >= len(faces):
            self._fewer_since_s.pop(source, None)
            return
        since_s = self._fewer_since_s.setdefault(source, now_s)
        # With one event per frame, there is none for a frame without faces.
        if now_s - since_s > GONE_S or (source in self._frames and not report.faces):
            self._sources[source] = dict(list(faces.items())[len(faces) - report.faces :])

    def _add_event(self, event: Event) -> None:
        faces = self._sources.setdefault(event.source, {})
        if event.state != "frame":
            self._frames.pop(event.source, None)
        elif event.frame != self._frames.get(event.source):
            self._frames[event.source] = event.frame
            faces.clear()
        faces.pop(event.track_id, None)
        if event.state != "ended":
            faces[event.track_id] = (event.emotion, event.score)
