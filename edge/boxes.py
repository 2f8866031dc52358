"""Arithmetic of boxes."""

from __future__ import annotations

from edge.types import Box


def shared_area(a: Box, b: Box) -> float:
    """Return the area that two boxes have in common, in square pixels."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return w * h if w > 0 and h > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0..1."""
    shared = shared_area(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0


def share_inside(box: Box, size_wh: tuple[float, float]) -> float:
    """Return the share of a box that lies inside an image of this size, 0..1."""
    return shared_area(box, (0.0, 0.0, *size_wh)) / max(box[2] * box[3], 1e-6)
