"""On which values a network was trained, tried out on faces: pixels as they are, divided by 255, or from -1 to 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import mcnemar
from edge.inference.pixel_mapping import COMMON_RANGES, PixelMapping

Scores = npt.NDArray[np.float32]
#: Faces to try each range on.
N_FACES = 400
#: Another range must read more faces by this share, and by chance in one of a thousand cases at most. Networks that
#: normalize their input themselves differ by less.
_LEAST_GAIN, _GREATEST_P = 0.08, 0.001


@dataclass(frozen=True)
class BetterRange:
    """A range on which a network reads far more faces.

    Attributes:
        used: the mapping that the network was given.
        better: the one of `COMMON_RANGES` that reads far more faces.
        accuracy_used, accuracy_better: shares of the faces, 0..1.
        n: number of faces.
    """

    used: PixelMapping
    better: PixelMapping
    accuracy_used: float
    accuracy_better: float
    n: int

    def __str__(self) -> str:
        return (
            f"{self.accuracy_used:.1%} of {self.n} faces are right with {self.used}, {self.accuracy_better:.1%} with "
            f"{self.better}"
        )


def find_better_range(
    scores: Callable[[npt.NDArray[np.uint8], PixelMapping], Scores],
    images: npt.NDArray[np.uint8],
    class_ids: npt.NDArray[np.int64],
    used: PixelMapping,
) -> BetterRange | None:
    """Return the range on which a network reads far more faces than on the one that is used; None if there is none.

    Args:
        scores: `(n, n_classes)` float32 for faces `(n, h, w)` uint8 and a mapping.
        images: faces `(n, h, w)` uint8, of which `N_FACES` at even distances are tried.
        class_ids: `(n,)` int64, the labeled class of each, a column of the scores.
        used: the mapping that the network is given.
    """
    drawn = np.linspace(0, len(images) - 1, min(N_FACES, len(images))).astype(int)
    images, class_ids = images[drawn], class_ids[drawn]
    right = scores(images, used).argmax(axis=1) == class_ids
    best: BetterRange | None = None
    for low, high in COMMON_RANGES:
        mapping = PixelMapping(low, high)
        if mapping == used:
            continue
        found = scores(images, mapping).argmax(axis=1) == class_ids
        gain = found.mean() - (best.accuracy_better if best else right.mean() + _LEAST_GAIN)
        if gain >= 0 and mcnemar(found, right) <= _GREATEST_P:
            best = BetterRange(used, mapping, float(right.mean()), float(found.mean()), len(drawn))
    return best
