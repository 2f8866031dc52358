"""The representative set: the faces from which the converter reads the ranges of the activations."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.dataset import Faces
from edge.errors import WrongUseError


@dataclass(frozen=True)
class RepresentativeSet:
    """Faces to calibrate on.

    Attributes:
        images: `(n, 48, 48)` uint8: the drawn faces, then one black and one white.
        rows: `(n - 2,)` rows of the drawn faces in the data set, ascending.
        seed: of the draw.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """For the card: what was drawn, in numbers that another can check."""
        text = "\n".join(str(row) for row in self.rows)
        return {
            "split": "Training",
            "samples": len(self.rows),
            "seed": self.seed,
            "rows_sha256": sha256(text.encode()).hexdigest(),
        }


def representative_set(training: Faces, samples: int, seed: int) -> RepresentativeSet:
    """Draw as many faces of every class, from Training only: calibrating on test data would leak it.

    A class that has too few gives what it has, the others make up for it. The black and the white image see
    to it that the input's range is exactly 0..255, so that its scale is 1.

    Args:
        training: the Training split.
        samples: how many faces to draw.
        seed: of the draw.

    Raises:
        WrongUseError: there are fewer faces, or fewer samples than classes.
    """
    n_classes = len(training.labels)
    if samples < n_classes:
        raise WrongUseError(f"--samples {samples} is fewer than the {n_classes} classes: expected some of each")
    if samples > len(training):
        raise WrongUseError(f"--samples {samples} is more than the {len(training)} faces of Training")
    random = np.random.default_rng(seed)
    by_class = [random.permutation(np.flatnonzero(training.class_ids == c)) for c in range(n_classes)]
    # Round after round, one of each class that has any left.
    rounds = [(i, c, pool[i]) for c, pool in enumerate(by_class) for i in range(min(len(pool), samples))]
    chosen = np.sort([position for _, _, position in sorted(rounds)[:samples]])
    drawn = training.take(chosen)
    ends = np.stack([np.zeros_like(drawn.images[0]), np.full_like(drawn.images[0], 255)])
    return RepresentativeSet(np.concatenate([drawn.images, ends]), drawn.rows, seed)
