"""Where faces have gone from one small grey picture to the next, by sparse optical flow (Lucas & Kanade, 1981).

As Median Flow (Kalal et al., 2010) has it: a grid of points in each box is followed there and back again, what does
not come back where it began is left out, and the rest decides, as robustly as it can, how the box moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Box

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

#: Points in each direction of a box, and the share of the box that they span: a face has no corners.
GRID, SPAN = 7, 0.8
#: Side of the neighbourhood that is compared, in pixels, and how often it is halved for faces that move quickly:
#: together they bridge 22 pixels of the small picture.
_WINDOW, _LEVELS = 11, 2
_ENOUGH = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
#: A point that comes back further away from where it began than this, in pixels, has been lost.
MAX_RETURN = 0.7
#: Points that moved otherwise than the others, by so many median deviations, are not the face; or its mouth.
_MAX_DEVIATIONS = 3.0
#: Deviations smaller than this, in pixels, are none.
_LEAST_DEVIATION = 0.15


@dataclass(frozen=True)
class Move:
    """How one box moved: turned, scaled and shifted.

    Attributes:
        matrix: `(2, 3)` float64, from the earlier picture's pixels to the later one's.
        scale: how much larger it has become.
        kept: share of its points that tell the same.
    """

    matrix: npt.NDArray[np.float64]
    scale: float
    kept: float


def follow(before: Picture, after: Picture, boxes: Sequence[Box]) -> list[Move | None]:
    """How each box moved between two pictures.

    Args:
        before: `(h, w)` uint8.
        after: the same, a frame later.
        boxes: in pixels of `before`.

    Returns:
        One move a box; None where fewer than three points could be followed.
    """
    if not boxes:
        return []
    grids = np.stack([_grid(box) for box in boxes])
    # Flow is computed over whole pictures: only the part where the faces are is worth it.
    top, bottom, left, right = _around(boxes, before.shape)
    if bottom - top < _WINDOW or right - left < _WINDOW:
        return [None] * len(boxes)
    begin = grids.reshape(-1, 1, 2) - np.array([left, top], np.float32)
    earlier, later = before[top:bottom, left:right], after[top:bottom, left:right]
    end, there = _points_in(earlier, later, begin)
    back, again = _points_in(later, earlier, end)
    astray = np.abs(back - begin).max(axis=2).ravel()
    good = there & again & (astray <= MAX_RETURN)
    ends = end.reshape(grids.shape) + np.array([left, top], np.float32)
    return [_move(*each) for each in zip(grids, ends, good.reshape(len(boxes), -1), strict=True)]


def _points_in(before: Picture, after: Picture, points: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Where `(n, 1, 2)` points of one picture are in another, and which of the n were found there."""
    found, state, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, None, winSize=(_WINDOW, _WINDOW), maxLevel=_LEVELS, criteria=_ENOUGH
    )
    return found, state.ravel() == 1


def _grid(box: Box) -> Floats:
    """`(GRID * GRID, 2)` points of a box, x and y."""
    x, y, w, h = box
    steps = (1 - SPAN) / 2 + SPAN * np.linspace(0, 1, GRID, dtype=np.float32)
    across, down = np.meshgrid(x + w * steps, y + h * steps)
    return np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)


def _around(boxes: Sequence[Box], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the part of the picture that holds the boxes and where they may go."""
    sides = np.array(boxes)
    room = sides[:, 2:].max() / 2 + _WINDOW
    left, top = np.floor(sides[:, :2].min(axis=0) - room).astype(int)
    right, bottom = np.ceil((sides[:, :2] + sides[:, 2:]).max(axis=0) + room).astype(int)
    return max(0, int(top)), min(shape[0], int(bottom)), max(0, int(left)), min(shape[1], int(right))


def _move(begin: Floats, end: Floats, good: npt.NDArray[np.bool_]) -> Move | None:
    """The similarity that most of the points agree upon, by least squares over those."""
    begin, end = begin[good].astype(np.float64), end[good].astype(np.float64)
    if len(begin) < 3:
        return None
    apart = np.abs(end - begin - np.median(end - begin, axis=0)).max(axis=1)
    agree = apart <= _MAX_DEVIATIONS * max(float(np.median(apart)), _LEAST_DEVIATION)
    begin, end = begin[agree], end[agree]
    from_, to = begin.mean(axis=0), end.mean(axis=0)
    p, q = begin - from_, end - to
    spread = float((p * p).sum())
    if len(begin) < 3 or spread == 0:
        return None
    # As complex numbers: q = (a + ib) p.
    a = float((p * q).sum()) / spread
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
    turn = np.array([[a, -b], [b, a]])
    shift = to - turn @ from_
    return Move(np.column_stack([turn, shift]), float(np.hypot(a, b)), len(begin) / len(good))
