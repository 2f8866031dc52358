"""Identity over time: which face of this frame is which of the last, and a calmer score for each."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
import numpy.typing as npt

from edge.types import Box, Detection, Track

Floats = npt.NDArray[np.float32]

#: Boxes that share less than this are different faces.
MIN_IOU = 0.2
#: A face that is not seen for so long has left.
MAX_MISS_S = 0.7
#: Time constant of the running average: after so many seconds a new expression has 63 % of the weight.
SMOOTHING_S = 0.4


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


class Tracker:
    """Follows faces by the overlap of their boxes.

    Attributes:
        tracks: the faces that are there, in the order in which they came.
    """

    def __init__(
        self, min_iou: float = MIN_IOU, max_miss_s: float = MAX_MISS_S, smoothing_s: float = SMOOTHING_S
    ) -> None:
        self.tracks: list[Track] = []
        self._min_iou, self._max_miss_s, self._smoothing_s = min_iou, max_miss_s, smoothing_s
        self._ids = count(1)

    def update(
        self, detections: list[Detection], scores: list[Floats], now_s: float
    ) -> tuple[list[Track], list[Track]]:
        """Take one frame's faces.

        Args:
            detections: the faces found.
            scores: `(n,)` probabilities of each.
            now_s: the frame's time in its source; never goes back.

        Returns:
            The tracks of `detections`, in their order; and the tracks that have ended.
        """
        # Those who have left first: a face at the same place later is another.
        ended = [track for track in self.tracks if now_s - track.seen_s > self._max_miss_s]
        self.tracks = [track for track in self.tracks if now_s - track.seen_s <= self._max_miss_s]
        seen: dict[int, Track] = {}
        for track, i in self._pairs(detections):
            seen[i] = track
            weight = 1 - math.exp(-(now_s - track.seen_s) / self._smoothing_s)
            track.smoothed = track.smoothed + np.float32(weight) * (scores[i] - track.smoothed)
            track.box, track.confidence = detections[i].box, detections[i].confidence
            track.scores, track.seen_s = scores[i], now_s
        for i, detection in enumerate(detections):
            if i not in seen:
                seen[i] = Track(next(self._ids), detection.box, detection.confidence, scores[i], scores[i], now_s)
                self.tracks.append(seen[i])
        return [seen[i] for i in range(len(detections))], ended

    def finish(self) -> list[Track]:
        """End all tracks: the source has ended."""
        ended, self.tracks = self.tracks, []
        return ended

    def _pairs(self, detections: list[Detection]) -> list[tuple[Track, int]]:
        """Tracks and positions of detections that are the same face; the best overlap chooses first."""
        overlaps = [
            (overlap, t, d)
            for t, track in enumerate(self.tracks)
            for d, detection in enumerate(detections)
            if (overlap := iou(track.box, detection.box)) >= self._min_iou
        ]
        pairs, used_tracks, used_detections = [], set(), set()
        for _, t, d in sorted(overlaps, reverse=True):
            if t not in used_tracks and d not in used_detections:
                used_tracks.add(t)
                used_detections.add(d)
                pairs.append((self.tracks[t], d))
        return pairs
