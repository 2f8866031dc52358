"""Image corruptions that a camera adds and a data set lacks: blur, noise, light, JPEG, covers and inaccurate boxes.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019:
five severities each. Theirs are for color images of 224 pixels; these are for gray faces of 48.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

GrayFace = npt.NDArray[np.uint8]
#: Corrupts one face at a severity, with a generator for what is random.
CorruptFace = Callable[[GrayFace, float, np.random.Generator], GrayFace]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        name: the name of its row in a table.
        unit: what a severity is measured in.
        severities: five values, the mildest first.
        corrupt: corrupts one face.
    """

    name: str
    unit: str
    severities: tuple[float, ...]
    corrupt: CorruptFace

    def apply(self, faces: npt.NDArray[np.uint8], severity: float, seed: int = 0) -> npt.NDArray[np.uint8]:
        """Corrupt every face.

        Args:
            faces: `(n, height, width)` uint8, left unchanged.
            severity: one of `severities`, or another value in the same unit.
            seed: the same seed gives the same faces.

        Returns:
            `(n, height, width)` uint8.
        """
        random = np.random.default_rng(seed)
        return np.stack([self.corrupt(face, severity, random) for face in faces])


def _blur(face: GrayFace, sigma: float, random: np.random.Generator) -> GrayFace:
    return _to_uint8(cv2.GaussianBlur(face, (0, 0), sigma))


def _add_noise(face: GrayFace, deviation: float, random: np.random.Generator) -> GrayFace:
    return _to_uint8(face + random.normal(0, deviation, face.shape))


def _darken(face: GrayFace, factor: float, random: np.random.Generator) -> GrayFace:
    return _to_uint8(face * factor)


def _brighten(face: GrayFace, levels: float, random: np.random.Generator) -> GrayFace:
    return _to_uint8(face + levels)


def _compress(face: GrayFace, quality: float, random: np.random.Generator) -> GrayFace:
    _, file = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return _to_uint8(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE))


def _reduce_resolution(face: GrayFace, pixels: float, random: np.random.Generator) -> GrayFace:
    height, width = face.shape
    small = cv2.resize(face, (int(pixels), int(pixels)), interpolation=cv2.INTER_AREA)
    return _to_uint8(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _cover_from_above(face: GrayFace, share: float, random: np.random.Generator) -> GrayFace:
    covered = face.copy()
    covered[: round(share * len(face))] = random.integers(256)
    return covered


def _cover_from_below(face: GrayFace, share: float, random: np.random.Generator) -> GrayFace:
    covered = face.copy()
    covered[len(face) - round(share * len(face)) :] = random.integers(256)
    return covered


def _shift_box(face: GrayFace, share: float, random: np.random.Generator) -> GrayFace:
    height, width = face.shape
    direction = random.uniform(0, 2 * math.pi)
    return _warp(face, np.eye(2), (math.cos(direction) * share * width, math.sin(direction) * share * height))


def _tighten_box(face: GrayFace, share: float, random: np.random.Generator) -> GrayFace:
    return _warp(face, np.eye(2) / (1 - share))


def _widen_box(face: GrayFace, share: float, random: np.random.Generator) -> GrayFace:
    return _warp(face, np.eye(2) / (1 + share))


def _rotate(face: GrayFace, degrees: float, random: np.random.Generator) -> GrayFace:
    angle = math.radians(degrees) * random.choice((-1, 1))
    return _warp(face, np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]))


def _warp(face: GrayFace, linear: npt.NDArray[np.float64], offset: tuple[float, float] = (0.0, 0.0)) -> GrayFace:
    """Transform about the center. The data set has no pixels outside the face: its border is replicated."""
    height, width = face.shape
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, center - linear @ center + np.array(offset)])
    return _to_uint8(cv2.warpAffine(face, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _to_uint8(values: Any) -> GrayFace:
    clipped: GrayFace = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return clipped


#: In the last three, the second severity is a face box that is off by a tenth.
CORRUPTIONS = (
    Corruption("blur", "pixels of standard deviation", (0.5, 0.75, 1.0, 1.5, 2.0), _blur),
    Corruption("low resolution", "pixels of width", (36, 28, 24, 20, 16), _reduce_resolution),
    Corruption("noise", "gray levels of standard deviation", (4, 8, 12, 18, 26), _add_noise),
    Corruption("darker", "share of the light", (0.8, 0.6, 0.4, 0.25, 0.15), _darken),
    Corruption("brighter", "gray levels added", (20, 40, 60, 80, 100), _brighten),
    Corruption("jpeg", "quality", (80, 50, 30, 20, 10), _compress),
    Corruption("covered from above", "share of the height", (0.1, 0.2, 0.3, 0.4, 0.5), _cover_from_above),
    Corruption("covered from below", "share of the height", (0.1, 0.2, 0.3, 0.4, 0.5), _cover_from_below),
    Corruption("rotated", "degrees", (5, 10, 15, 20, 30), _rotate),
    Corruption("box shifted", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _shift_box),
    Corruption("box too small", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _tighten_box),
    Corruption("box too large", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _widen_box),
)
