"""Finds faces that occur more than once: equal pixel for pixel or nearly so, within a split and across two splits.

A PublicTest face that was also trained on makes every score on PublicTest too high.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.inference.contract import INPUT_SIZE

Ids = npt.NDArray[np.int64]
#: Faces are compared at this size in pixels: a crop that is off by a pixel, a watermark or JPEG noise hardly matter.
SMALL = 16
#: Two faces of at least this correlation are taken for the same photograph. Inspected by eye on FER-2013, Training
#: against PublicTest: of 60 nearest neighbors from 0.95 to 0.965 one shows another person, of 38 from 0.94 to 0.95
#: three.
NEAR = 0.95
#: A face whose small pixels have a lower standard deviation, in gray levels, is blank: it would match any other.
BLANK = 1.0
_BLOCK = 4096


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces, the first of one split, the second of another; the most similar come first.

    Attributes:
        first, second: `(n,)` int64 positions in the two splits.
        correlation: `(n,)` float32, -1..1.
        mirrored: `(n,)` bool, whether the second must be mirrored to match.
        disagree: `(n,)` bool, whether their labels differ.
    """

    first: Ids
    second: Ids
    correlation: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.bool_]
    disagree: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def counts(self) -> dict[str, int]:
        """The number of pairs, of faces of either split in a pair, and of pairs whose labels differ."""
        return {
            "pairs": len(self),
            "first_faces": len(np.unique(self.first)),
            "second_faces": len(np.unique(self.second)),
            "labels_disagree": int(self.disagree.sum()),
        }


def exact_pairs(first: Faces, second: Faces) -> Pairs:
    """Find the pairs that are equal pixel for pixel; blank faces are ignored."""
    groups = _by_pixels(first)
    found = [
        (i, j)
        for j, digest in enumerate(_digests(second))
        if digest in groups and not is_blank(second.images[j : j + 1])[0]
        for i in groups[digest]
    ]
    ids = np.array(found, np.int64).reshape(-1, 2)
    return Pairs(
        ids[:, 0],
        ids[:, 1],
        np.ones(len(ids), np.float32),
        np.zeros(len(ids), bool),
        first.class_ids[ids[:, 0]] != second.class_ids[ids[:, 1]],
    )


def near_pairs(first: Faces, second: Faces, threshold: float = NEAR) -> Pairs:
    """Find the pairs that are nearly the same photograph, mirrored or not; equal and blank ones are ignored.

    The measure is the normalized correlation of the faces at 16 x 16 pixels, each less its mean.

    Args:
        first: one split; processed in blocks, so that it may be larger than memory.
        second: another split with the same labels.
        threshold: the lowest correlation of a pair.
    """
    found: list[npt.NDArray[Any]] = []
    for start_second in range(0, len(second), _BLOCK):
        block_second = second.images[start_second : start_second + _BLOCK]
        plain, mirrored = signatures(block_second), signatures(block_second[:, :, ::-1])
        for start in range(0, len(first), _BLOCK):
            block = first.images[start : start + _BLOCK]
            small = signatures(block)
            straight, flipped = small @ plain.T, small @ mirrored.T
            best = np.maximum(straight, flipped)
            rows, columns = np.nonzero(best >= threshold)
            different = [not np.array_equal(block[i], block_second[j]) for i, j in zip(rows, columns, strict=True)]
            rows, columns = rows[different], columns[different]
            where = (rows, columns)
            found.append(
                np.stack([rows + start, columns + start_second, best[where], flipped[where] > straight[where]], axis=1)
            )
    table = np.concatenate(found) if found else np.empty((0, 4))
    table = table[np.argsort(-table[:, 2], kind="stable")]
    ids = table[:, :2].astype(np.int64)
    return Pairs(
        ids[:, 0],
        ids[:, 1],
        table[:, 2].astype(np.float32),
        table[:, 3].astype(bool),
        first.class_ids[ids[:, 0]] != second.class_ids[ids[:, 1]],
    )


def duplicate_groups(faces: Faces) -> list[list[int]]:
    """The positions of faces of one split that are equal pixel for pixel: one list for each repeated face."""
    groups = [positions for positions in _by_pixels(faces).values() if len(positions) > 1]
    return [group for group in groups if not is_blank(faces.images[group[:1]])[0]]


def blank_positions(faces: Faces) -> list[int]:
    """The positions of blank faces."""
    found: list[int] = []
    for start in range(0, len(faces), _BLOCK):
        found += (np.flatnonzero(is_blank(faces.images[start : start + _BLOCK])) + start).tolist()
    return found


def is_blank(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Whether each of `(n, 48, 48)` faces is blank: `(n,)` bool."""
    blank: npt.NDArray[np.bool_] = _downscale(images).std(axis=1) < BLANK
    return blank


def signatures(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Faces `(n, 48, 48)` as `(n, 256)` float32 of mean 0 and length 1, so that a product is a correlation.

    Blank faces become zeros, which match nothing.
    """
    small = _downscale(images)
    blank = small.std(axis=1) < BLANK
    small -= small.mean(axis=1, keepdims=True)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    small /= np.maximum(length, 1e-6)
    small[blank] = 0
    return small


def _downscale(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    step = INPUT_SIZE // SMALL
    means = images.reshape(-1, SMALL, step, SMALL, step).mean(axis=(2, 4), dtype=np.float32)
    small: npt.NDArray[np.float32] = means.reshape(-1, SMALL**2)
    return small


def _digests(faces: Faces) -> list[bytes]:
    """A digest of each face: the pixels of a large set would not fit in memory."""
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in faces.images]


def _by_pixels(faces: Faces) -> dict[bytes, list[int]]:
    groups: dict[bytes, list[int]] = {}
    for position, digest in enumerate(_digests(faces)):
        groups.setdefault(digest, []).append(position)
    return groups
