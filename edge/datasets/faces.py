"""Labelled faces: one split of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.datasets.image_store import take_images

SPLITS = ("Training", "PublicTest", "PrivateTest")

#: Called with (bytes or files done, all of them), for a progress bar.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Faces:
    """One split of a data set.

    Attributes:
        images: `(n, 48, 48)` uint8, grey; an `np.memmap` where they are too many for memory.
        class_ids: `(n,)` int64, positions in `labels`.
        rows: `(n,)` int64, position of each face in the file or sorted folder it came from.
        labels: class names in the contract's order, then those that the contract has no name for.
        votes: `(n, 10)` uint8 FER+ votes in the order of `edge.datasets.ferplus.VOTE_COLUMNS`, or None.
        files: `(n,)` paths of the images in their data set's folder; None for a CSV.
        targets: `(n, len(labels))` float32, how probable each class is, rows sum to 1; None where only
            `class_ids` is known.
    """

    images: npt.NDArray[np.uint8]
    class_ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    votes: npt.NDArray[np.uint8] | None = None
    targets: npt.NDArray[np.float32] | None = None
    files: npt.NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: npt.NDArray[np.int64]) -> Faces:
        """The faces at `positions`, in that order."""
        votes = None if self.votes is None else self.votes[positions]
        targets = None if self.targets is None else self.targets[positions]
        files = None if self.files is None else self.files[positions]
        images = take_images(self.images, positions)
        return Faces(images, self.class_ids[positions], self.rows[positions], self.labels, votes, targets, files)

    def origin(self, position: int) -> int | str:
        """Where a face came from: its row in a CSV, its file in a folder."""
        return int(self.rows[position]) if self.files is None else str(self.files[position])

    def sample(self, n: int | None, seed: int) -> Faces:
        """`n` faces drawn at random without replacement, in file order; all of them where n is None."""
        if n is None or n >= len(self):
            return self
        chosen = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return self.take(np.sort(chosen).astype(np.int64))
