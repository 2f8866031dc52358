"""Identity over time: which face of this frame is which of the last, and a calmer score for each."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
import numpy.typing as npt

from edge.types import Box, Detection, Track

Floats = npt.NDArray[np.float32]

#: Boxes that share less than this are different faces, unless they moved far between two frames.
MIN_IOU = 0.2
#: Centres that are further apart than this share of the larger box are different faces.
MAX_JUMP = 0.8
#: One face does not grow or shrink by more than this from one sight to the next.
MAX_GROWTH = 1.8
#: Of a velocity, the share that the last step decides.
VELOCITY_GAIN = 0.5
#: A face that is not seen goes on as it went for so long at most.
COASTING_S = 0.5
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
    """Follows faces by where their motion would have brought their boxes.

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
        for track, i in self._pairs(detections, now_s):
            seen[i] = track
            _move(track, detections[i].box, now_s)
            weight = 1 - math.exp(-(now_s - track.seen_s) / self._smoothing_s)
            track.smoothed = track.smoothed + np.float32(weight) * (scores[i] - track.smoothed)
            track.confidence, track.scores, track.seen_s = detections[i].confidence, scores[i], now_s
        for i, detection in enumerate(detections):
            if i not in seen:
                seen[i] = Track(
                    next(self._ids), detection.box, detection.confidence, scores[i], scores[i], now_s, now_s
                )
                self.tracks.append(seen[i])
        return [seen[i] for i in range(len(detections))], ended

    def finish(self) -> list[Track]:
        """End all tracks: the source has ended."""
        ended, self.tracks = self.tracks, []
        return ended

    def _pairs(self, detections: list[Detection], now_s: float) -> list[tuple[Track, int]]:
        """Tracks and positions of detections that are the same face; the surest pair chooses first.

        Where boxes overlap, by how much, with the box where the motion would have brought it; else, for faces that
        are quick or seen rarely, by how near the centres are.
        """
        likely = []
        found = [(*_centre(detection.box), max(detection.box[2:])) for detection in detections]
        for t, track in enumerate(self.tracks):
            expected = _expected(track, now_s)
            (ex, ey), (tx, ty), size = _centre(expected), _centre(track.box), max(track.box[2:])
            for d, detection in enumerate(detections):
                # Most pairs of a crowd are far apart: where centres are further from each other than the larger box is
                # long, boxes do not touch, and nothing below would find them near.
                x, y, other = found[d]
                far = size if size > other else other
                if (abs(x - ex) > far or abs(y - ey) > far) and (abs(x - tx) > far or abs(y - ty) > far):
                    continue
                overlap = iou(expected, detection.box)
                if overlap >= self._min_iou:
                    likely.append((1 + overlap, t, d))
                elif (nearness := max(_nearness(box, detection.box) for box in (expected, track.box))) > 0:
                    likely.append((nearness, t, d))
        pairs, used_tracks, used_detections = [], set(), set()
        for _, t, d in sorted(likely, reverse=True):
            if t not in used_tracks and d not in used_detections:
                used_tracks.add(t)
                used_detections.add(d)
                pairs.append((self.tracks[t], d))
        return pairs


def _move(track: Track, box: Box, now_s: float) -> None:
    """Take a new box; the velocity follows it."""
    step_s = now_s - track.seen_s
    if step_s > 0:
        (x, y), (old_x, old_y) = _centre(box), _centre(track.box)
        gain = VELOCITY_GAIN
        vx, vy = track.velocity
        track.velocity = (
            vx + gain * ((x - old_x) / step_s - vx),
            vy + gain * ((y - old_y) / step_s - vy),
        )
    track.box = box


def _expected(track: Track, now_s: float) -> Box:
    """Where a face would be now, had it gone on as it went."""
    x, y, w, h = track.box
    coasting_s = min(now_s - track.seen_s, COASTING_S)
    return x + track.velocity[0] * coasting_s, y + track.velocity[1] * coasting_s, w, h


def _nearness(a: Box, b: Box) -> float:
    """1 for the same centre, down to 0 for boxes too far apart, or too different in size, to be of one face."""
    size_a, size_b = max(a[2:]), max(b[2:])
    if size_a <= 0 or size_b <= 0 or max(size_a / size_b, size_b / size_a) > MAX_GROWTH:
        return 0.0
    (ax, ay), (bx, by) = _centre(a), _centre(b)
    return max(0.0, 1 - math.hypot(ax - bx, ay - by) / (MAX_JUMP * max(size_a, size_b)))


def _centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
