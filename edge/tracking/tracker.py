"""Tracking: which face of this frame is which face of the last one, and smoothed scores for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import numpy as np

from edge.boxes import iou, share_inside
from edge.types import Box, Face, Track, Tracks

# The constants below were chosen by docs/experiments/tracking.py.
#: Boxes with a lower intersection over union are different faces, unless they moved far between two frames.
MIN_IOU = 0.2
#: Faces whose centers are further apart than this fraction of the larger box are different ones.
MAX_JUMP = 0.8
#: A face does not grow or shrink by more than this factor between two detections.
MAX_GROWTH = 1.8
#: The velocity is fitted to what was seen in this time: over less, it is mostly the jitter of the boxes.
VELOCITY_S = 0.6
#: A face that is not seen is assumed to keep its velocity for at most this long.
COASTING_S = 2.0
#: A face that is not seen for this long has left.
MAX_MISS_S = 0.7
#: If it was seen for `ESTABLISHED_S` before, it is hidden or turned away, and has left only after this time.
MEMORY_S, ESTABLISHED_S = 2.0, 0.5
#: If its motion leads it out of the image it has left after this time, and in two frames: the next face that appears
#: there is someone who enters.
LEAVING_S = 0.3
#: Motion leads a face out of the image if less than this share of what is inside will still be there at `MAX_MISS_S`.
MIN_REMAINING = 0.7
#: `MAX_JUMP` and `MAX_GROWTH` for a face that was not seen for `MAX_MISS_S`: it may be someone else.
MAX_RETURN_JUMP, MAX_RETURN_GROWTH = 0.5, 1.3
#: Time constant of the running average of the scores: after this time a new expression has 63 % of the weight.
SMOOTHING_S = 0.4


class Tracker:
    """Associates faces with tracks by where the motion of each track predicts its box.

    As in OC-SORT (Cao et al., 2023), velocities come from observations alone, and a face that was not seen for a while
    may also be where it was seen last; here also anywhere between there and where its motion leads.

    Args:
        min_iou: see `MIN_IOU`.
        max_miss_s: see `MAX_MISS_S`.
        smoothing_s: see `SMOOTHING_S`.
        memory_s: see `MEMORY_S`.

    Attributes:
        tracks: the faces that are present, in the order in which they came.
    """

    def __init__(
        self,
        min_iou: float = MIN_IOU,
        max_miss_s: float = MAX_MISS_S,
        smoothing_s: float = SMOOTHING_S,
        memory_s: float = MEMORY_S,
    ) -> None:
        self.tracks: list[Track] = []
        self._min_iou, self._max_miss_s, self._smoothing_s = min_iou, max_miss_s, smoothing_s
        self._memory_s = memory_s
        self._ids = count(1)
        #: Time of the last frame.
        self._last_s = -math.inf

    def update(self, faces: Sequence[Face], now_s: float, size_wh: tuple[int, int] | None = None) -> Tracks:
        """Advance by one frame.

        Args:
            faces: the faces in the frame, in pixels of the full image.
            now_s: the frame's time in its source; it never runs backwards.
            size_wh: width and height of the full image; without it, no face is known to leave through its edge.

        Returns:
            The tracks of `faces`, in their order, and the tracks that ended.
        """
        # Tracks that ended come first: a face at the same place later is another one.
        ended: list[Track] = []
        present: list[Track] = []
        for track in self.tracks:
            (ended if self._has_left(track, now_s, size_wh) else present).append(track)
        self.tracks, self._last_s = present, now_s
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
                _move(seen[i], face.box, now_s)
                self.tracks.append(seen[i])
        return Tracks([seen[i] for i in range(len(faces))], ended)

    def finish(self) -> list[Track]:
        """End all tracks, because the source ended, and return them."""
        ended, self.tracks = self.tracks, []
        return ended

    def _has_left(self, track: Track, now_s: float, size_wh: tuple[int, int] | None) -> bool:
        miss_s = now_s - track.seen_s
        if size_wh is not None and miss_s > LEAVING_S and track.seen_s < self._last_s:
            later = _predicted(track, track.seen_s + self._max_miss_s)
            if share_inside(later, size_wh) < MIN_REMAINING * share_inside(track.box, size_wh):
                return True
        established = track.seen_s - track.since_s >= ESTABLISHED_S
        return miss_s > (self._memory_s if established else self._max_miss_s)

    def _associate(self, faces: Sequence[Face], now_s: float) -> list[tuple[Track, int]]:
        """Return tracks and positions of faces that belong together; the most certain pair is taken first.

        Pairs are rated by the overlap of the face with the predicted box of the track; without overlap, for faces
        that move fast, are seen rarely, or stopped or turned back while they were not seen, by the distance of the
        face from the way between where the track was last seen and where it is predicted.
        """
        candidates = []
        measured = [(*_center(face.box), max(face.box[2:])) for face in faces]
        for t, track in enumerate(self.tracks):
            predicted, late = _predicted(track, now_s), now_s - track.seen_s > self._max_miss_s
            jump, growth = (MAX_RETURN_JUMP, MAX_RETURN_GROWTH) if late else (MAX_JUMP, MAX_GROWTH)
            (ex, ey), (tx, ty), size = _center(predicted), _center(track.box), max(track.box[2:])
            left, right, top, bottom = min(ex, tx), max(ex, tx), min(ey, ty), max(ey, ty)
            for i, face in enumerate(faces):
                # Most pairs of a crowd are far apart: where the distance from the way exceeds the larger box, the
                # boxes do not touch and their nearness below is 0.
                x, y, other = measured[i]
                far = size if size > other else other
                if x < left - far or x > right + far or y < top - far or y > bottom + far:
                    continue
                if not 1 / growth <= other / max(size, 1e-6) <= growth:
                    continue
                overlap = iou(predicted, face.box)
                if overlap >= self._min_iou:
                    candidates.append((1 + overlap, t, i))
                elif (nearness := 1 - _distance((x, y), (tx, ty), (ex, ey)) / (jump * far)) > 0:
                    candidates.append((nearness, t, i))
        pairs, used_tracks, used_faces = [], set(), set()
        for _, t, i in sorted(candidates, reverse=True):
            if t not in used_tracks and i not in used_faces:
                used_tracks.add(t)
                used_faces.add(i)
                pairs.append((self.tracks[t], i))
        return pairs


def _move(track: Track, box: Box, now_s: float) -> None:
    """Set a new box and fit the velocity to the last places by least squares."""
    track.box = box
    places = track.places
    places.append((now_s, *_center(box)))
    while len(places) > 2 and now_s - places[0][0] > VELOCITY_S:
        places.popleft()
    n = len(places)
    mean_s = sum(t for t, _, _ in places) / n
    spread = sum((t - mean_s) ** 2 for t, _, _ in places)
    if spread > 0:
        track.velocity = (
            sum((t - mean_s) * x for t, x, _ in places) / spread,
            sum((t - mean_s) * y for t, _, y in places) / spread,
        )


def _predicted(track: Track, now_s: float) -> Box:
    """Return where a face would be now with constant velocity."""
    x, y, w, h = track.box
    coasting_s = min(now_s - track.seen_s, COASTING_S)
    return x + track.velocity[0] * coasting_s, y + track.velocity[1] * coasting_s, w, h


def _distance(point: tuple[float, float], begin: tuple[float, float], end: tuple[float, float]) -> float:
    """Return the distance of a point from a line between two points."""
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    length = dx * dx + dy * dy
    along = 0.0 if length == 0 else ((point[0] - begin[0]) * dx + (point[1] - begin[1]) * dy) / length
    along = min(1.0, max(0.0, along))
    return math.hypot(begin[0] + along * dx - point[0], begin[1] + along * dy - point[1])


def _center(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
