"""What a camera does to faces that a data set does not: blur, noise, light, JPEG, and boxes that are a little off.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019:
five severities each. Theirs are for pictures of 224 pixels; these are for grey faces of 48.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Face = npt.NDArray[np.uint8]
#: Changes one face, by so much, at random where chance is in it.
Change = Callable[[Face, float, np.random.Generator], Face]


@dataclass(frozen=True)
class Corruption:
    """One way in which a face may be worse than the data set's.

    Attributes:
        name: of the row in a table.
        unit: what a severity counts.
        severities: five, the mildest first.
        change: what it does.
    """

    name: str
    unit: str
    severities: tuple[float, ...]
    change: Change

    def apply(self, faces: npt.NDArray[np.uint8], severity: float, seed: int = 0) -> npt.NDArray[np.uint8]:
        """Faces `(n, height, width)` uint8, each changed; the same seed gives the same faces."""
        random = np.random.default_rng(seed)
        return np.stack([self.change(face, severity, random) for face in faces])


def _blurred(face: Face, sigma: float, random: np.random.Generator) -> Face:
    return _grey(cv2.GaussianBlur(face, (0, 0), sigma))


def _noisy(face: Face, deviation: float, random: np.random.Generator) -> Face:
    return _grey(face + random.normal(0, deviation, face.shape))


def _darker(face: Face, factor: float, random: np.random.Generator) -> Face:
    return _grey(face * factor)


def _brighter(face: Face, levels: float, random: np.random.Generator) -> Face:
    return _grey(face + levels)


def _compressed(face: Face, quality: float, random: np.random.Generator) -> Face:
    _, file = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return _grey(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE))


def _coarser(face: Face, pixels: float, random: np.random.Generator) -> Face:
    height, width = face.shape
    small = cv2.resize(face, (int(pixels), int(pixels)), interpolation=cv2.INTER_AREA)
    return _grey(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _shifted(face: Face, share: float, random: np.random.Generator) -> Face:
    height, width = face.shape
    way = random.uniform(0, 2 * math.pi)
    return _moved(face, np.eye(2), (math.cos(way) * share * width, math.sin(way) * share * height))


def _box_too_small(face: Face, share: float, random: np.random.Generator) -> Face:
    return _moved(face, np.eye(2) / (1 - share))


def _box_too_large(face: Face, share: float, random: np.random.Generator) -> Face:
    return _moved(face, np.eye(2) / (1 + share))


def _tilted(face: Face, degrees: float, random: np.random.Generator) -> Face:
    turn = math.radians(degrees) * random.choice((-1, 1))
    return _moved(face, np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]))


def _moved(face: Face, linear: npt.NDArray[np.float64], offset: tuple[float, float] = (0.0, 0.0)) -> Face:
    """Moved about the centre; beyond the data set's picture its border repeats."""
    height, width = face.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, centre - linear @ centre + np.array(offset)])
    return _grey(cv2.warpAffine(face, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _grey(values: npt.NDArray[np.generic]) -> Face:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


#: A face box that is off by a tenth is the second severity of the last three.
CORRUPTIONS = (
    Corruption("blur", "pixels of standard deviation", (0.5, 0.75, 1.0, 1.5, 2.0), _blurred),
    Corruption("coarser", "pixels of width", (36, 28, 24, 20, 16), _coarser),
    Corruption("noise", "grey levels of standard deviation", (4, 8, 12, 18, 26), _noisy),
    Corruption("darker", "times the light", (0.8, 0.6, 0.4, 0.25, 0.15), _darker),
    Corruption("brighter", "grey levels more", (20, 40, 60, 80, 100), _brighter),
    Corruption("jpeg", "quality", (80, 50, 30, 20, 10), _compressed),
    Corruption("tilted", "degrees", (5, 10, 15, 20, 30), _tilted),
    Corruption("box shifted", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _shifted),
    Corruption("box too small", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _box_too_small),
    Corruption("box too large", "share of its side", (0.05, 0.1, 0.15, 0.2, 0.25), _box_too_large),
)
