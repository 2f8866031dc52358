"""Sparse optical flow (Lucas & Kanade, 1981): how faces moved from one thumbnail to the next.

As in Median Flow (Kalal et al., 2010), a grid of points in each box is followed forward and backward; points that do
not return to where they started are discarded, and a robust fit to the others gives the move of the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

#: Points in each direction of a box, and the fraction of the box that they span: a face does not fill the corners.
GRID, SPAN = 7, 0.8
#: Side of the window that is compared, in pixels, and number of pyramid levels for faces that move quickly: together
#: they cover a motion of 22 thumbnail pixels.
_WINDOW, _LEVELS = 11, 2
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
#: A point whose forward-backward error is larger than this, in pixels, was lost.
MAX_RETURN_ERROR = 0.7
#: Points that deviate from the others by more than this many median deviations do not belong to the face, or are
#: its mouth.
_MAX_DEVIATIONS = 3.0
#: Deviations smaller than this, in pixels, are not counted as such.
_LEAST_DEVIATION = 0.15


@dataclass(frozen=True)
class Move:
    """How one box moved: rotated, scaled and shifted.

    Attributes:
        matrix: `(2, 3)` float64, from pixels of the earlier thumbnail to pixels of the later one.
        scale: factor of its size.
        agreement: share of its points that agree on the move.
    """

    matrix: npt.NDArray[np.float64]
    scale: float
    agreement: float


def follow(before: Image, after: Image, boxes: Sequence[Box]) -> list[Move | None]:
    """Return how each box moved between two thumbnails.

    Args:
        before: `(h, w)` uint8.
        after: the same, one frame later.
        boxes: in pixels of `before`.

    Returns:
        One move per box; None where fewer than three points could be followed.
    """
    if not boxes:
        return []
    grids = np.stack([_grid(box) for box in boxes])
    # Flow is computed over whole images, so only the part that holds the faces is passed on.
    top, bottom, left, right = _around(boxes, before.shape)
    if bottom - top < _WINDOW or right - left < _WINDOW:
        return [None] * len(boxes)
    begin = grids.reshape(-1, 1, 2) - np.array([left, top], np.float32)
    earlier, later = before[top:bottom, left:right], after[top:bottom, left:right]
    end, forward_ok = _points_in(earlier, later, begin)
    back, backward_ok = _points_in(later, earlier, end)
    return_error = np.abs(back - begin).max(axis=2).ravel()
    good = forward_ok & backward_ok & (return_error <= MAX_RETURN_ERROR)
    ends = end.reshape(grids.shape) + np.array([left, top], np.float32)
    return [_move(*each) for each in zip(grids, ends, good.reshape(len(boxes), -1), strict=True)]


def _points_in(before: Image, after: Image, points: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return where `(n, 1, 2)` points of one image are in another, and which of the n were found."""
    found, state, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, None, winSize=(_WINDOW, _WINDOW), maxLevel=_LEVELS, criteria=_CRITERIA
    )
    return found, state.ravel() == 1


def _grid(box: Box) -> Floats:
    """Return `(GRID * GRID, 2)` points of a box, x and y."""
    x, y, w, h = box
    steps = (1 - SPAN) / 2 + SPAN * np.linspace(0, 1, GRID, dtype=np.float32)
    xs, ys = np.meshgrid(x + w * steps, y + h * steps)
    return np.stack([xs.ravel(), ys.ravel()], axis=1).astype(np.float32)


def _around(boxes: Sequence[Box], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the part of the image that holds the boxes and where they may move."""
    sides = np.array(boxes)
    padding = sides[:, 2:].max() / 2 + _WINDOW
    left, top = np.floor(sides[:, :2].min(axis=0) - padding).astype(int)
    right, bottom = np.ceil((sides[:, :2] + sides[:, 2:]).max(axis=0) + padding).astype(int)
    return max(0, int(top)), min(shape[0], int(bottom)), max(0, int(left)), min(shape[1], int(right))


def _move(begin: Floats, end: Floats, good: npt.NDArray[np.bool_]) -> Move | None:
    """Return the similarity transform that most points agree on, by least squares over those; None for too few."""
    begin, end = begin[good].astype(np.float64), end[good].astype(np.float64)
    if len(begin) < 3:
        return None
    deviation = np.abs(end - begin - np.median(end - begin, axis=0)).max(axis=1)
    agree = deviation <= _MAX_DEVIATIONS * max(float(np.median(deviation)), _LEAST_DEVIATION)
    begin, end = begin[agree], end[agree]
    from_, to = begin.mean(axis=0), end.mean(axis=0)
    p, q = begin - from_, end - to
    spread = float((p * p).sum())
    if len(begin) < 3 or spread == 0:
        return None
    # As complex numbers: q = (a + ib) p.
    a = float((p * q).sum()) / spread
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
    rotation = np.array([[a, -b], [b, a]])
    shift = to - rotation @ from_
    return Move(np.column_stack([rotation, shift]), float(np.hypot(a, b)), len(begin) / len(good))
