"""Propagation: a face that was detected in one frame, and where later frames have it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.boxes import share_inside
from edge.tracking.optical_flow import Move
from edge.tracking.thumbnail import Thumbnail
from edge.types import Detection

#: A face is followed reliably while at least this share of its points agrees; otherwise it turns, is occluded, or lost.
MIN_AGREEMENT = 0.4
#: Below this share its motion is no longer that of a rigid object: it turns, or speaks with its whole face.
STEADY_AGREEMENT = 0.9
#: A face that grew or shrank by more than this factor since it was detected is detected again.
MAX_GROWTH = 1.25
#: A face of which less than this share is still inside the image leaves it.
MIN_REMAINING = 0.7


@dataclass(frozen=True)
class PropagatedFace:
    """One face.

    Attributes:
        detected: as the detector found it.
        now: where it is now.
        unreliable: the detector should run for it.
        unsteady: the detector should run for it soon, for a box that is accurate enough to read the face.
    """

    detected: Detection
    now: Detection
    unreliable: bool = False
    unsteady: bool = False

    def moved(self, move: Move | None, view: Thumbnail) -> PropagatedFace:
        """Return the face after a move.

        Args:
            move: between the last thumbnail and this one; None where it could not be followed.
            view: this thumbnail.
        """
        if move is None:
            return replace(self, unreliable=True)
        rotation, shift = move.matrix[:, :2], move.matrix[:, 2] / view.scale
        x, y, w, h = self.now.box
        center = rotation @ np.array([x + w / 2, y + h / 2]) + shift
        w, h = w * move.scale, h * move.scale
        box = (float(center[0]) - w / 2, float(center[1]) - h / 2, w, h)
        points = self.now.key_points
        if points is not None:
            points = (points @ rotation.T + shift).astype(np.float32)
        now = replace(self.now, box=box, key_points=points)
        growth = w / max(self.detected.box[2], 1e-6)
        size_wh = view.size_wh[0] / view.scale, view.size_wh[1] / view.scale
        unreliable = (
            move.agreement < MIN_AGREEMENT
            or not 1 / MAX_GROWTH <= growth <= MAX_GROWTH
            or share_inside(box, size_wh) < MIN_REMAINING * share_inside(self.detected.box, size_wh)
        )
        return PropagatedFace(self.detected, now, unreliable, self.unsteady or move.agreement < STEADY_AGREEMENT)
