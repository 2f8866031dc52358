"""Tracking: which face of this frame is which face of the last one, and smoothed scores for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import numpy as np

from edge.types import Box, Face, Track, Tracks

#: Boxes with a lower intersection over union are different faces, unless they moved far between two frames.
MIN_IOU = 0.2
#: Faces whose centers are further apart than this fraction of the larger box are different ones.
MAX_JUMP = 0.8
#: A face does not grow or shrink by more than this factor between two detections.
MAX_GROWTH = 1.8
#: Weight of the last step in the velocity.
VELOCITY_GAIN = 0.5
#: A face that is not seen is assumed to keep its velocity for at most this long.
COASTING_S = 0.5
#: A face that is not seen for this long has left.
MAX_MISS_S = 0.7
#: Time constant of the running average of the scores: after this time a new expression has 63 % of the weight.
SMOOTHING_S = 0.4


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0..1."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


class Tracker:
    """Associates faces with tracks by where the motion of each track predicts its box.

    Attributes:
        tracks: the faces that are present, in the order in which they came.
    """

    def __init__(
        self, min_iou: float = MIN_IOU, max_miss_s: float = MAX_MISS_S, smoothing_s: float = SMOOTHING_S
    ) -> None:
        self.tracks: list[Track] = []
        self._min_iou, self._max_miss_s, self._smoothing_s = min_iou, max_miss_s, smoothing_s
        self._ids = count(1)

    def update(self, faces: Sequence[Face], now_s: float) -> Tracks:
        """Advance by one frame.

        Args:
            faces: the faces in the frame, in pixels of the full image.
            now_s: the frame's time in its source; it never runs backwards.

        Returns:
            The tracks of `faces`, in their order, and the tracks that ended.
        """
        # Tracks that ended come first: a face at the same place later is another one.
        ended = [track for track in self.tracks if now_s - track.seen_s > self._max_miss_s]
        self.tracks = [track for track in self.tracks if now_s - track.seen_s <= self._max_miss_s]
        seen: dict[int, Track] = {}
        for track, i in self._associate(faces, now_s):
            seen[i] = track
            _move(track, faces[i].box, now_s)
            weight = 1 - math.exp(-(now_s - track.seen_s) / self._smoothing_s)
            track.smoothed = track.smoothed + np.float32(weight) * (faces[i].scores - track.smoothed)
            track.confidence, track.scores, track.seen_s = faces[i].confidence, faces[i].scores, now_s
        for i, face in enumerate(faces):
            if i not in seen:
                seen[i] = Track(next(self._ids), face.box, face.confidence, face.scores, face.scores, now_s, now_s)
                self.tracks.append(seen[i])
        return Tracks([seen[i] for i in range(len(faces))], ended)

    def finish(self) -> list[Track]:
        """End all tracks, because the source ended, and return them."""
        ended, self.tracks = self.tracks, []
        return ended

    def _associate(self, faces: Sequence[Face], now_s: float) -> list[tuple[Track, int]]:
        """Return tracks and positions of faces that belong together; the most certain pair is taken first.

        Pairs are rated by the overlap of the face with the predicted box of the track; without overlap, for faces
        that move fast or are seen rarely, by the distance of their centers.
        """
        candidates = []
        measured = [(*_center(face.box), max(face.box[2:])) for face in faces]
        for t, track in enumerate(self.tracks):
            predicted = _predicted(track, now_s)
            (ex, ey), (tx, ty), size = _center(predicted), _center(track.box), max(track.box[2:])
            for i, face in enumerate(faces):
                # Most pairs of a crowd are far apart: where the distance of the centers exceeds the larger box, the
                # boxes do not touch and their nearness below is 0.
                x, y, other = measured[i]
                far = size if size > other else other
                if (abs(x - ex) > far or abs(y - ey) > far) and (abs(x - tx) > far or abs(y - ty) > far):
                    continue
                overlap = iou(predicted, face.box)
                if overlap >= self._min_iou:
                    candidates.append((1 + overlap, t, i))
                elif (nearness := max(_nearness(box, face.box) for box in (predicted, track.box))) > 0:
                    candidates.append((nearness, t, i))
        pairs, used_tracks, used_faces = [], set(), set()
        for _, t, i in sorted(candidates, reverse=True):
            if t not in used_tracks and i not in used_faces:
                used_tracks.add(t)
                used_faces.add(i)
                pairs.append((self.tracks[t], i))
        return pairs


def _move(track: Track, box: Box, now_s: float) -> None:
    """Set a new box and update the velocity."""
    step_s = now_s - track.seen_s
    if step_s > 0:
        (x, y), (old_x, old_y) = _center(box), _center(track.box)
        gain = VELOCITY_GAIN
        vx, vy = track.velocity
        track.velocity = (
            vx + gain * ((x - old_x) / step_s - vx),
            vy + gain * ((y - old_y) / step_s - vy),
        )
    track.box = box


def _predicted(track: Track, now_s: float) -> Box:
    """Return where a face would be now with constant velocity."""
    x, y, w, h = track.box
    coasting_s = min(now_s - track.seen_s, COASTING_S)
    return x + track.velocity[0] * coasting_s, y + track.velocity[1] * coasting_s, w, h


def _nearness(a: Box, b: Box) -> float:
    """Return 1 for the same center, down to 0 for boxes too far apart or too different in size for one face."""
    size_a, size_b = max(a[2:]), max(b[2:])
    if size_a <= 0 or size_b <= 0 or max(size_a / size_b, size_b / size_a) > MAX_GROWTH:
        return 0.0
    (ax, ay), (bx, by) = _center(a), _center(b)
    return max(0.0, 1 - math.hypot(ax - bx, ay - by) / (MAX_JUMP * max(size_a, size_b)))


def _center(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
