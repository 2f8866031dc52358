"""How well tracks follow identities, for `tracking.py`: IDF1, ID switches, fragmentations, tracks per person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment
from tracking_clips import VISIBLE, Truth

from edge.boxes import iou
from edge.types import Box

#: A track has a face where their boxes have this IoU, as in MOTChallenge.
MIN_IOU = 0.5
#: A track is mixed if it had two people for at least this many frames each.
MIXED_FRAMES = 3


@dataclass
class Score:
    """Sums over clips.

    Attributes:
        right: frames in which a face has the track that is best for its whole identity (IDTP).
        faces, boxes: faces that should be tracked, and boxes that tracks reported.
        found: faces that some track has.
        switches: changes of an identity from one track to another.
        fragmentations: interruptions of an identity, while it is visible.
        identities, tracks: identities that were found, and tracks that had one.
        mixed: tracks that had more than one.
        ended_s: for each face that left, the time from when it was last seen to the `ended` event.
    """

    right: int = 0
    faces: int = 0
    boxes: int = 0
    found: int = 0
    switches: int = 0
    fragmentations: int = 0
    identities: int = 0
    tracks: int = 0
    mixed: int = 0
    ended_s: list[float] = field(default_factory=list)

    @property
    def idf1(self) -> float:
        """Share of right frames, 0..1 (Ristani et al., 2016)."""
        return 2 * self.right / max(self.faces + self.boxes, 1)

    def __iadd__(self, other: Score) -> Score:
        """Add the sums of other clips."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def score(truth: Sequence[Sequence[Truth]], tracked: Sequence[Sequence[tuple[int, Box]]]) -> Score:
    """Score the tracks of one clip.

    Args:
        truth: who is where, frame by frame. Faces less visible than `VISIBLE` may be tracked, but need not be.
        tracked: numbers and boxes of the tracks, frame by frame.
    """
    result, last, lost = Score(), dict[int, int](), set[int]()
    together: dict[tuple[int, int], int] = {}
    for present, reported in zip(truth, tracked, strict=True):
        pairs = _pairs(present, reported, last)
        ignored = {t for i, t in pairs if present[i].visible < VISIBLE}
        result.faces += sum(face.visible >= VISIBLE for face in present)
        result.boxes += len(reported) - len(ignored)
        matched = {present[i].identity: reported[t][0] for i, t in pairs if t not in ignored}
        result.found += len(matched)
        for identity, track in matched.items():
            together[identity, track] = together.get((identity, track), 0) + 1
            result.switches += last.get(identity, track) != track
            result.fragmentations += identity in lost
            last[identity] = track
        lost -= matched.keys()
        lost |= {f.identity for f in present if f.visible >= VISIBLE and f.identity in last} - matched.keys()
        # Out of sight is no interruption.
        lost &= {face.identity for face in present if face.visible >= VISIBLE}
    identities, tracks = sorted({i for i, _ in together}), sorted({t for _, t in together})
    counts = np.array([[together.get((i, t), 0) for t in tracks] for i in identities]).reshape(len(identities), -1)
    result.right = int(counts[linear_sum_assignment(counts, maximize=True)].sum())
    result.identities, result.tracks = len(identities), len(tracks)
    result.mixed = int(((counts >= MIXED_FRAMES).sum(axis=0) > 1).sum())
    return result


def _pairs(
    present: Sequence[Truth], reported: Sequence[tuple[int, Box]], last: dict[int, int]
) -> list[tuple[int, int]]:
    """Return positions of faces and tracks that belong together; a face keeps its track where it can."""
    if not present or not reported:
        return []
    overlap = np.array([[iou(face.box, box) for _, box in reported] for face in present])
    kept = np.array([[last.get(face.identity) == track for track, _ in reported] for face in present])
    value = np.where(overlap >= MIN_IOU, overlap + 2 * kept, 0)
    rows, columns = linear_sum_assignment(value, maximize=True)
    return [(int(i), int(t)) for i, t in zip(rows, columns, strict=True) if value[i, t] > 0]
