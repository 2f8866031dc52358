"""Non-maximum suppression: overlapping detections of one face become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.boxes import iou, shared_area
from edge.types import Box, Detection

Floats = npt.NDArray[np.float32]

#: Overlap from which two detections are one face: the value of MediaPipe and of OpenCV.
MAX_OVERLAP = 0.3


def blend(points: Floats, scores: Floats) -> list[Detection]:
    """Merge detections that overlap into one, averaged by their scores (weighted non-maximum suppression).

    Args:
        points: `(n, 2 + k, 2)`: the box's top-left and bottom-right corner, then the key points.
        scores: `(n,)`.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    sizes = np.prod(np.maximum(points[:, 1] - points[:, 0], 0), axis=1)
    alive = sizes > 0
    found = []
    for i in range(len(scores)):
        if not alive[i]:
            continue
        overlap = np.minimum(points[:, 1], points[i, 1]) - np.maximum(points[:, 0], points[i, 0])
        shared = np.prod(np.maximum(overlap, 0), axis=1)
        same = alive & (shared / np.maximum(sizes + sizes[i] - shared, 1e-9) > MAX_OVERLAP)
        alive &= ~same
        mean = np.average(points[same], axis=0, weights=scores[same]).astype(np.float32)
        (x0, y0), (x1, y1) = mean[0].tolist(), mean[1].tolist()
        found.append(Detection((x0, y0, x1 - x0, y1 - y0), float(scores[i]), mean[2:]))
    return found


def without_duplicates(*passes: Sequence[Detection]) -> list[Detection]:
    """Join the faces of several passes over one image; where two overlap, the more confident one stays.

    Returns:
        The faces, most confident first.
    """
    found: list[Detection] = []
    for face in sorted((face for faces in passes for face in faces), key=lambda face: -face.confidence):
        if not any(_is_same(face.box, other.box) for other in found):
            found.append(face)
    return found


def _is_same(a: Box, b: Box) -> bool:
    """Return whether two boxes show one face: they overlap, or one lies within the other."""
    # Part of a face may be found as a face at another scale: most of the smaller box lies in the larger one.
    return iou(a, b) > MAX_OVERLAP or shared_area(a, b) > 0.7 * min(a[2] * a[3], b[2] * b[3])
