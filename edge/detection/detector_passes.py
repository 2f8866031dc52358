"""Detector passes: one network over an image or a part of it, at one scale. `edge.detection.auto` combines them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.detection.blazeface import BlazeFace, BlazeFaceShort
from edge.detection.suppression import without_duplicates
from edge.detection.yunet_network import YuNetNetwork
from edge.types import Box, Detection, Frame

Image = npt.NDArray[np.uint8]

#: Height and width of the parts that `DetectorPasses.part` takes.
PART_SIZE = 128
#: Neighboring tiles overlap by this share of their width and height, so that a face on their edge is whole in one of
#: them. Larger faces are found in the whole image.
_OVERLAP = 0.2
#: The longer side at which YuNet sees an image, and a tile of it: four tiles are an image of 634 pixels.
_YUNET_SIZE, _YUNET_TILE_SIZE = 320, 352


class DetectorPasses(Protocol):
    """The passes of one detector, cheap and expensive.

    Every method takes `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray and returns the faces, most confident first, with
    boxes in pixels of that image.

    Attributes:
        box_scale: see `FaceDetector`.
        rolls_deg: the rotations at which turned faces are searched for.
    """

    box_scale: float
    rolls_deg: tuple[float, ...]

    def coarse(self, image: Image) -> list[Detection]:
        """One cheap pass over the whole image: faces near the camera."""
        ...

    def fine(self, image: Image) -> list[Detection]:
        """A pass in which faces are found that are too small for `coarse`."""
        ...

    def finest(self, image: Image) -> list[Detection]:
        """A pass for large photographs, as expensive as it has to be."""
        ...

    def turned(self, image: Image) -> list[Detection]:
        """A pass over an image that was rotated: more certain than `coarse`, because it is an extra chance to err."""
        ...

    def part(self, image: Image) -> list[Detection]:
        """A pass over `PART_SIZE` pixels in the middle of which a face is expected."""
        ...


class YuNetPasses:
    """YuNet at 320 pixels over the whole, over tiles, and on parts.

    OpenCV's threshold is 0.7 for one pass. Several passes add up to more chances to find a face where there is none, so
    each has a higher one; docs/experiments/detectors.py counts what they find in scenes without a face.
    """

    box_scale = 1.19
    # Every pass finds faces with less than about 35 degrees of roll.
    rolls_deg: tuple[float, ...] = (60.0, -60.0, 120.0, -120.0, 180.0)

    def __init__(self, network: YuNetNetwork) -> None:
        self._network = network

    def coarse(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return self._network.find(image, _YUNET_SIZE, 0.75)

    def fine(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return find_in_tiles(image, 2, lambda tile: self._network.find(tile, _YUNET_TILE_SIZE, 0.8))

    def finest(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return find_in_tiles(image, 4, lambda tile: self._network.find(tile, _YUNET_TILE_SIZE, 0.85))

    def turned(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return self._network.find(image, _YUNET_SIZE, 0.8)

    def part(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return self._network.find(image, PART_SIZE, 0.6)


class BlazeFacePasses:
    """BlazeFace full range over the whole and over tiles, and short range for faces that fill the picture.

    Args:
        full: full range.
        short: short range.
    """

    box_scale = BlazeFace.box_scale
    # Full range finds faces that are turned by 60 degrees.
    rolls_deg: tuple[float, ...] = (90.0, -90.0, 180.0)
    #: Short range sees faces in flowers and leaves; what is large and certain is a face.
    _MIN_SHORT_SHARE, _MIN_SHORT_CONFIDENCE = 0.3, 0.8

    def __init__(self, full: BlazeFace, short: BlazeFaceShort) -> None:
        self._full, self._short = full, short

    def coarse(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        found = self._full.detect(Frame(image))
        return found or self._near(image)

    def fine(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return find_in_tiles(image, 2, lambda tile: self._full.detect(Frame(tile)))

    def finest(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return find_in_tiles(image, 4, lambda tile: self._full.detect(Frame(tile)))

    def turned(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return self._full.detect(Frame(image))

    def part(self, image: Image) -> list[Detection]:
        """See `DetectorPasses`."""
        return [self._framed(face) for face in self._short.detect(Frame(image))]

    def _near(self, image: Image) -> list[Detection]:
        least = self._MIN_SHORT_SHARE * max(image.shape[:2])
        found = [self._framed(face) for face in self._short.detect(Frame(image))]
        return [f for f in found if max(f.box[2:]) >= least and f.confidence >= self._MIN_SHORT_CONFIDENCE]

    def _framed(self, face: Detection) -> Detection:
        """Return a face of short range with a box as full range would give it."""
        x, y, w, h = face.box
        factor = self._full.box_scale / self._short.box_scale
        box: Box = (x - w * (factor - 1) / 2, y - h * (factor - 1) / 2, w * factor, h * factor)
        return replace(face, box=box)


def find_in_tiles(image: Image, per_side: int, find: Callable[[Image], list[Detection]]) -> list[Detection]:
    """Find faces in `per_side` times `per_side` overlapping tiles, which have the proportions of the image.

    A pass over tiles needs no more memory than one over the whole, unlike one over an image twice as large.
    """
    height, width = image.shape[:2]
    share = 1 / (per_side - (per_side - 1) * _OVERLAP)
    w, h = max(1, round(width * share)), max(1, round(height * share))
    found = []
    for row in range(per_side):
        for column in range(per_side):
            left = round(column * (width - w) / (per_side - 1))
            top = round(row * (height - h) / (per_side - 1))
            tile = np.ascontiguousarray(image[top : top + h, left : left + w])
            inner = (left > 0, top > 0, left + w < width, top + h < height)
            whole = [face for face in find(tile) if not _is_cut(face.box, (w, h), inner)]
            found.append([_moved(face, left, top) for face in whole])
    return without_duplicates(*found)


def _is_cut(box: Box, size_wh: tuple[int, int], inner: tuple[bool, bool, bool, bool]) -> bool:
    """Return whether a face reaches an edge of its tile beyond which the image goes on.

    Args:
        box: the face, in pixels of the tile.
        size_wh: of the tile.
        inner: whether the image goes on beyond the left, top, right and bottom edge.
    """
    x, y, w, h = box
    reached = (x <= 0, y <= 0, x + w >= size_wh[0], y + h >= size_wh[1])
    return any(there and goes_on for there, goes_on in zip(reached, inner, strict=True))


def _moved(face: Detection, left: int, top: int) -> Detection:
    x, y, w, h = face.box
    points = None if face.key_points is None else face.key_points + np.array([left, top], np.float32)
    return Detection((x + left, y + top, w, h), face.confidence, points)
