"""Which detections are which labeled faces of a picture, and which of them are false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.benchmark.wider_face import LabeledFace
from edge.boxes import iou
from edge.types import Box, Detection

#: Least overlap (intersection over union) of a detection with a face. Detectors frame faces differently: with
#: PASCAL VOC's 0.5, a box that includes the forehead would not match one that ends at the brows.
MIN_IOU = 0.4
#: Heights of faces, as shares of the picture's longer side: the lower limits of the size classes, largest first.
SIZE_LIMITS = (0.16, 0.08, 0.04, 0.03, 0.02)


@dataclass(frozen=True)
class Matches:
    """The result of one picture.

    Attributes:
        faces: position in `SIZE_LIMITS` of the size class, and whether it was found, of each face that counts.
        false: number of detections that are no face.
    """

    faces: tuple[tuple[int, bool], ...]
    false: int


def match_faces(detections: Sequence[Detection], faces: Sequence[LabeledFace], size_wh: tuple[int, int]) -> Matches:
    """Match detections with labeled faces, the most confident detection first, each with the face it overlaps most.

    Faces that are ignored, and faces and detections smaller than the least size class, count neither as missed nor
    as false. A second detection of a face is false.

    Args:
        detections: what a detector found.
        faces: the labeled faces.
        size_wh: width and height of the picture.
    """
    long_side = max(size_wh)
    classes = [None if face.ignored else size_class(face.box, long_side) for face in faces]
    counted = [i for i, size in enumerate(classes) if size is not None]
    others = [i for i, size in enumerate(classes) if size is None]
    found: set[int] = set()
    false = 0
    for detection in sorted(detections, key=lambda face: -face.confidence):
        overlaps = {i: iou(detection.box, faces[i].box) for i in counted if i not in found}
        best = max(overlaps, key=overlaps.__getitem__, default=None)
        if best is not None and overlaps[best] >= MIN_IOU:
            found.add(best)
        elif size_class(detection.box, long_side) is not None and not any(
            iou(detection.box, faces[i].box) >= MIN_IOU for i in others
        ):
            false += 1
    return Matches(tuple((size, i in found) for i, size in enumerate(classes) if size is not None), false)


def size_class(box: Box, long_side: int) -> int | None:
    """Return the position in `SIZE_LIMITS` of a box's size class; None if it is smaller than all of them."""
    share = box[3] / long_side
    return next((i for i, limit in enumerate(SIZE_LIMITS) if share >= limit), None)


def size_titles() -> list[str]:
    """Return the size classes in words: `>= 16 %`, `8-16 %`, and so on."""
    percents = [f"{100 * limit:g}" for limit in SIZE_LIMITS]
    smaller = [f"{low}-{high} %" for high, low in pairwise(percents)]
    return [f">= {percents[0]} %", *smaller]
