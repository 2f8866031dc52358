"""When something is worth an event."""

from __future__ import annotations

from typing import Literal

from edge.types import Event, Frame, State, Track

Emit = Literal["change", "frame"]

#: A new expression must lead the announced one by so much in the smoothed scores: no flicker at a draw.
MIN_LEAD = 0.05


class EventMaker:
    """Turns tracks into events.

    Args:
        emit: `change` for a face that comes, changes or leaves; `frame` for every face in every frame.
        source: name of the source.
        labels: class names in the order of the scores.
        model: identity of the model, such as `mien-small-int8@1`.
    """

    def __init__(self, emit: Emit, source: str, labels: tuple[str, ...], model: str) -> None:
        self._emit, self._source, self._labels, self._model = emit, source, labels, model

    def events(self, frame: Frame, seen: list[Track], ended: list[Track], latency_ms: dict[str, float]) -> list[Event]:
        """The events of one frame.

        Args:
            frame: the frame.
            seen: tracks of the faces in it.
            ended: tracks that have ended with it.
            latency_ms: how long each step has taken for this frame.
        """
        if self._emit == "frame":
            return [self._event(frame, track, "frame", latency_ms) for track in seen]
        found = []
        for track in seen:
            best = int(track.smoothed.argmax())
            if track.class_id is None:
                track.class_id = best
                found.append(self._event(frame, track, "started", latency_ms))
            elif best != track.class_id and track.smoothed[best] - track.smoothed[track.class_id] >= MIN_LEAD:
                track.class_id = best
                found.append(self._event(frame, track, "changed", latency_ms))
        return found + [self._event(frame, track, "ended", latency_ms) for track in ended]

    def _event(self, frame: Frame, track: Track, state: State, latency_ms: dict[str, float]) -> Event:
        scores = track.scores if state == "frame" else track.smoothed
        class_id = int(scores.argmax()) if track.class_id is None or state == "frame" else track.class_id
        return Event(
            source=self._source,
            frame=frame.index,
            track_id=track.track_id,
            box=track.box,
            confidence=track.confidence,
            emotion=self._labels[class_id],
            score=float(scores[class_id]),
            emotions={label: float(v) for label, v in zip(self._labels, scores, strict=True)},
            state=state,
            latency_ms=latency_ms,
            model=self._model,
        )
