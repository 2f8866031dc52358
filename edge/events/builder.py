"""When something is worth an event."""

from __future__ import annotations

from typing import Literal

from edge.types import UNCERTAIN, UNCERTAIN_LABEL, Dwell, Event, Frame, State, Track

Emit = Literal["change", "frame"]

#: A new expression must lead the announced one by so much in the smoothed scores: no flicker at a draw.
MIN_LEAD = 0.05
#: It must lead for so long before it is announced.
MIN_HOLD_S = 0.3
#: Below this smoothed score no expression is told; above it by `MIN_LEAD` it is told again.
UNCERTAIN_BELOW = 0.35


class EventBuilder:
    """Turns tracks into events.

    Args:
        emit: `change` for a face that comes, changes or leaves; `frame` for every face in every frame.
        source: name of the source.
        labels: class names in the order of the scores.
        model: identity of the model, such as `mien-small-int8@1`.
        min_hold_s: how long a new expression must lead before it is announced.
        uncertain_below: smoothed score below which a face is `uncertain`; 0 for never.
    """

    def __init__(
        self,
        emit: Emit,
        source: str,
        labels: tuple[str, ...],
        model: str,
        min_hold_s: float = MIN_HOLD_S,
        uncertain_below: float = UNCERTAIN_BELOW,
    ) -> None:
        self._emit, self._source, self._labels, self._model = emit, source, labels, model
        self._min_hold_s, self._uncertain_below = min_hold_s, uncertain_below

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
            if self._announce(track):
                found.append(self._event(frame, track, "changed" if track.dwell_s else "started", latency_ms))
            _count(track)
        return found + [self._event(frame, track, "ended", latency_ms) for track in ended]

    def _announce(self, track: Track) -> bool:
        """Let the track's expression be what it now is, if it has been so for long enough; says whether it changed."""
        leading = self._leading(track)
        if track.class_id is None:
            track.class_id, track.counted_s = leading, track.seen_s
            return True
        if leading == track.class_id:
            track.candidate = None
            return False
        if track.candidate is None or track.candidate[0] != leading:
            track.candidate = (leading, track.seen_s)
        if track.seen_s - track.candidate[1] < self._min_hold_s:
            return False
        track.class_id, track.candidate = leading, None
        return True

    def _leading(self, track: Track) -> int:
        """The expression that the smoothed scores speak for; the announced one where they hardly speak against it."""
        best, announced = int(track.smoothed.argmax()), track.class_id
        highest = float(track.smoothed[best])
        if announced == UNCERTAIN:
            return best if highest >= self._uncertain_below + MIN_LEAD else UNCERTAIN
        if highest < self._uncertain_below:
            return UNCERTAIN
        if announced is None or highest - float(track.smoothed[announced]) >= MIN_LEAD:
            return best
        return announced

    def _event(self, frame: Frame, track: Track, state: State, latency_ms: dict[str, float]) -> Event:
        scores = track.scores if state == "frame" else track.smoothed
        class_id = int(scores.argmax()) if track.class_id is None or state == "frame" else track.class_id
        return Event(
            source=self._source,
            frame=frame.index,
            track_id=track.track_id,
            box=track.box,
            confidence=track.confidence,
            emotion=self._label(class_id),
            score=float(scores.max() if class_id == UNCERTAIN else scores[class_id]),
            emotions={label: float(v) for label, v in zip(self._labels, scores, strict=True)},
            state=state,
            latency_ms=latency_ms,
            model=self._model,
            dwell=self._dwell(track) if state == "ended" else None,
        )

    def _dwell(self, track: Track) -> Dwell:
        seconds = track.seen_s - track.since_s
        counted = sum(track.dwell_s.values())
        if not counted:
            # Seen once: all of it is what was announced then.
            assert track.class_id is not None
            return Dwell(seconds, {self._label(track.class_id): 1.0})
        return Dwell(seconds, {self._label(class_id): s / counted for class_id, s in track.dwell_s.items()})

    def _label(self, class_id: int) -> str:
        return label_of(class_id, self._labels)


def expression(track: Track, labels: tuple[str, ...]) -> str:
    """What was announced of a face; before that, and where nothing is announced, what leads."""
    return label_of(int(track.smoothed.argmax()) if track.class_id is None else track.class_id, labels)


def label_of(class_id: int, labels: tuple[str, ...]) -> str:
    """The label of a class, or `uncertain`."""
    return UNCERTAIN_LABEL if class_id == UNCERTAIN else labels[class_id]


def _count(track: Track) -> None:
    """The time since the last sight belongs to the expression that is announced now."""
    assert track.class_id is not None
    track.dwell_s[track.class_id] = track.dwell_s.get(track.class_id, 0.0) + track.seen_s - track.counted_s
    track.counted_s = track.seen_s
