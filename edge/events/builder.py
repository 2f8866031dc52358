"""Events: when a change of expression is worth reporting."""

from __future__ import annotations

from typing import Literal

from edge.types import UNCERTAIN, UNCERTAIN_LABEL, Event, Frame, Presence, State, Track, Tracks

Emit = Literal["change", "frame"]

#: A new expression must lead the reported one by this much in the smoothed scores, so that a tie does not flicker.
MIN_LEAD = 0.05
#: It must lead for this long before it is reported.
MIN_HOLD_S = 0.3
#: Below this smoothed score no expression is reported; above it by `MIN_LEAD` one is reported again. At this threshold
#: correct answers net of wrong ones are most, in the mean of PublicTest and of LFW's faces without and with a prior,
#: over the shipped models: what it withholds is more often wrong than right (docs/experiments/uncertain_threshold.py).
UNCERTAIN_BELOW = 0.45


class EventBuilder:
    """Turns tracks into events.

    Args:
        emit: `change` for a face that comes, changes or leaves; `frame` for every face in every frame.
        source: name of the source.
        labels: class names in the order of the scores.
        model: identity of the model, such as `mien-small-int8@1`.
        min_hold_s: how long a new expression must lead before it is reported.
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

    def build(self, frame: Frame, tracks: Tracks, latency_ms: dict[str, float]) -> list[Event]:
        """Return the events of one frame.

        Args:
            frame: the frame.
            tracks: the tracker's result for it.
            latency_ms: stage to milliseconds for this frame.
        """
        if self._emit == "frame":
            return [self._event(frame, track, "frame", latency_ms) for track in tracks.seen]
        events = []
        for track in tracks.seen:
            if self._update_expression(track):
                state: State = "changed" if track.expression_s else "started"
                events.append(self._event(frame, track, state, latency_ms))
            _count_time(track)
        return events + [self._event(frame, track, "ended", latency_ms) for track in tracks.ended]

    def _update_expression(self, track: Track) -> bool:
        """Update the reported expression of a track; return whether it changed."""
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
        """Return the leading class; the reported one where no other leads by enough (hysteresis)."""
        best, reported = int(track.smoothed.argmax()), track.class_id
        highest = float(track.smoothed[best])
        if reported == UNCERTAIN:
            return best if highest >= self._uncertain_below + MIN_LEAD else UNCERTAIN
        if highest < self._uncertain_below:
            return UNCERTAIN
        if reported is None or highest - float(track.smoothed[reported]) >= MIN_LEAD:
            return best
        return reported

    def _event(self, frame: Frame, track: Track, state: State, latency_ms: dict[str, float]) -> Event:
        scores = track.scores if state == "frame" else track.smoothed
        class_id = int(scores.argmax()) if track.class_id is None or state == "frame" else track.class_id
        return Event(
            source=self._source,
            frame=frame.index,
            track_id=track.track_id,
            box=track.box,
            confidence=track.confidence,
            emotion=label_of(class_id, self._labels),
            score=float(scores.max() if class_id == UNCERTAIN else scores[class_id]),
            emotions={label: float(v) for label, v in zip(self._labels, scores, strict=True)},
            state=state,
            latency_ms=latency_ms,
            model=self._model,
            dwell=self._presence(track) if state == "ended" else None,
        )

    def _presence(self, track: Track) -> Presence:
        seconds = track.seen_s - track.since_s
        counted = sum(track.expression_s.values())
        if not counted:
            # Seen in one frame only: the expression reported then has all of it.
            assert track.class_id is not None
            return Presence(seconds, {label_of(track.class_id, self._labels): 1.0})
        shares = {label_of(class_id, self._labels): s / counted for class_id, s in track.expression_s.items()}
        return Presence(seconds, shares)


def reported_expression(track: Track, labels: tuple[str, ...]) -> str:
    """Return the label that was last reported for a face, or before the first report the leading one."""
    return label_of(int(track.smoothed.argmax()) if track.class_id is None else track.class_id, labels)


def label_of(class_id: int, labels: tuple[str, ...]) -> str:
    """Return the label of a class, or `uncertain`."""
    return UNCERTAIN_LABEL if class_id == UNCERTAIN else labels[class_id]


def _count_time(track: Track) -> None:
    """Add the time since the face was last seen to the expression that is reported now."""
    assert track.class_id is not None
    track.expression_s[track.class_id] = track.expression_s.get(track.class_id, 0.0) + track.seen_s - track.counted_s
    track.counted_s = track.seen_s
