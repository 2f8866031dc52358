"""A face that was found in one frame, where later frames have it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.tracking.optical_flow import Move
from edge.tracking.thumbnail import Thumbnail
from edge.types import Box, Detection

#: Fewer of a face's points than this share tell the same: it turns, something is before it, or it is lost.
MIN_KEPT = 0.4
#: Fewer than this, and it moves as flow does not tell exactly: it turns, or speaks with its whole face.
CALM_KEPT = 0.9
#: It has become larger or smaller by this factor since it was found.
MAX_GROWTH = 1.25
#: It has lost this share of what was to be seen of it: it leaves the picture.
MIN_STAYING = 0.7


@dataclass(frozen=True)
class PropagatedFace:
    """One face.

    Attributes:
        found: as the detector found it.
        now: where it is by now.
        doubtful: it should be looked for.
        restless: it should be looked for soon, for a box that is exact enough to read the face in it.
    """

    found: Detection
    now: Detection
    doubtful: bool = False
    restless: bool = False

    def moved(self, move: Move | None, view: Thumbnail) -> PropagatedFace:
        """Where a move takes it.

        Args:
            move: between the last small picture and this one; None where it could not be followed.
            view: the small picture.
        """
        if move is None:
            return replace(self, doubtful=True)
        turn, shift = move.matrix[:, :2], move.matrix[:, 2] / view.scale
        x, y, w, h = self.now.box
        centre = turn @ np.array([x + w / 2, y + h / 2]) + shift
        w, h = w * move.scale, h * move.scale
        box = (float(centre[0]) - w / 2, float(centre[1]) - h / 2, w, h)
        points = self.now.key_points
        if points is not None:
            points = (points @ turn.T + shift).astype(np.float32)
        now = replace(self.now, box=box, key_points=points)
        growth = w / max(self.found.box[2], 1e-6)
        size_wh = view.size_wh[0] / view.scale, view.size_wh[1] / view.scale
        doubtful = (
            move.kept < MIN_KEPT
            or not 1 / MAX_GROWTH <= growth <= MAX_GROWTH
            or _visible(box, size_wh) < MIN_STAYING * _visible(self.found.box, size_wh)
        )
        return PropagatedFace(self.found, now, doubtful, self.restless or move.kept < CALM_KEPT)


def _visible(box: Box, size_wh: tuple[float, float]) -> float:
    """Share of a box that lies in the picture."""
    x, y, w, h = box
    across = min(x + w, size_wh[0]) - max(x, 0)
    down = min(y + h, size_wh[1]) - max(y, 0)
    return max(across, 0) * max(down, 0) / max(w * h, 1e-6)
