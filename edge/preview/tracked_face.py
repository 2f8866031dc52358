"""A face as it was in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge.events import reported_expression
from edge.types import Box, Track


@dataclass(frozen=True)
class TrackedFace:
    """What the preview shows of a face; its track goes on and changes.

    Attributes:
        track_id: the face's number.
        box: in pixels of the source's full frame.
        expression: the announced expression.
        scores: `(n,)` float32, smoothed.
    """

    track_id: int
    box: Box
    expression: str
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, track: Track, labels: tuple[str, ...]) -> Self:
        """Return the current state of a track."""
        return cls(track.track_id, track.box, reported_expression(track, labels), track.smoothed)
