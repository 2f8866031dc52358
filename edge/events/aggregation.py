"""Aggregates over many faces, for places where nobody may learn what a single face showed."""

from __future__ import annotations

from edge.events.builder import reported_expression
from edge.types import UNCERTAIN_LABEL, Aggregate, Track

#: Periods with fewer faces are not reported.
MIN_FACES = 3
#: A face that was not seen for longer than this was absent in between.
_MAX_GAP_S = 1.0


class Aggregator:
    """Sums up the reported expressions of all faces and gives the aggregate once per period.

    A face counts as one as long as the tracker follows it; a person who leaves and returns counts twice.

    Args:
        seconds: length of a period.
        min_faces: number of different faces that a period must have; otherwise it is not reported.
        source: name of the source.
        labels: class names in the order of the scores.
        model: identity of the model.
    """

    def __init__(self, seconds: float, min_faces: int, source: str, labels: tuple[str, ...], model: str) -> None:
        self._seconds, self._min_faces = seconds, min_faces
        self._source, self._labels, self._model = source, labels, model
        self._since_s: float | None = None
        self._last_s = 0.0
        #: Track to when it was last seen, and expression to how long it was shown.
        self._seen_s: dict[int, float] = {}
        self._shown_s: dict[str, float] = {}

    def add(self, seen: list[Track], now_s: float) -> Aggregate | None:
        """Add the faces of one frame.

        Args:
            seen: their tracks.
            now_s: the frame's time in its source.

        Returns:
            The aggregate of the period that ends with this frame, if one does and may be reported.
        """
        ended = None
        if self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s >= self._seconds:
            ended = self.finish()
            self._since_s = now_s
        self._last_s = now_s
        for track in seen:
            label = reported_expression(track, self._labels)
            gap_s = min(now_s - self._seen_s.get(track.track_id, now_s), _MAX_GAP_S)
            self._seen_s[track.track_id] = now_s
            self._shown_s[label] = self._shown_s.get(label, 0.0) + gap_s
        return ended

    def finish(self) -> Aggregate | None:
        """Return the aggregate of the current period, or None where it must not be reported; start the next."""
        seconds = 0.0 if self._since_s is None else self._last_s - self._since_s
        faces, shown_s = len(self._seen_s), self._shown_s
        self._since_s, self._seen_s, self._shown_s = None, {}, {}
        total_s = sum(shown_s.values())
        if faces < self._min_faces or not total_s:
            return None
        shares = {label: shown_s.get(label, 0.0) / total_s for label in (*self._labels, UNCERTAIN_LABEL)}
        return Aggregate(self._source, round(seconds, 3), faces, shares, self._model)
