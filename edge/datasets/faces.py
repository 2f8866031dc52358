"""Labeled faces: one split of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.datasets.image_store import take_images
from edge.system.untrusted_text import printable

SPLITS = ("Training", "PublicTest", "PrivateTest")

#: Called with the number of bytes or files that were read, and with the number of all of them.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Faces:
    """One split of a data set.

    Attributes:
        images: `(n, 48, 48)` uint8, grayscale; an `np.memmap` if they do not fit into memory.
        class_ids: `(n,)` int64, positions in `labels`.
        rows: `(n,)` int64, position of each face in the file or the sorted folder that it came from.
        labels: class names: those of the contract in its order, then all others.
        votes: `(n, 10)` uint8 FER+ votes in the order of `edge.datasets.ferplus.VOTE_COLUMNS`, or None.
        files: `(n,)` paths of the images, relative to the data set's folder; None for a CSV.
        targets: `(n, len(labels))` float32, the probability of each class, rows sum to 1; None if only `class_ids`
            is known.
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
        """Return the faces at `positions`, `(m,)` int64, in that order."""
        votes = None if self.votes is None else self.votes[positions]
        targets = None if self.targets is None else self.targets[positions]
        files = None if self.files is None else self.files[positions]
        images = take_images(self.images, positions)
        return Faces(images, self.class_ids[positions], self.rows[positions], self.labels, votes, targets, files)

    def with_labels(self, labels: tuple[str, ...]) -> Faces:
        """Return the faces with the same classes in another order."""
        order = [self.labels.index(label) for label in labels]
        class_ids = np.argsort(order).astype(np.int64)[self.class_ids]
        targets = None if self.targets is None else self.targets[:, order]
        return replace(self, class_ids=class_ids, labels=labels, targets=targets)

    def origin(self, position: int) -> int | str:
        """Return where a face came from: its row in a CSV, or its file in a folder, with escapes if needed."""
        return int(self.rows[position]) if self.files is None else printable(str(self.files[position]))

    def sample(self, n: int | None, seed: int) -> Faces:
        """Draw `n` faces at random without replacement.

        Args:
            n: number of faces; None for all.
            seed: of the random draw.

        Returns:
            The faces in file order; all of them if there are not more than `n`.
        """
        if n is None or n >= len(self):
            return self
        chosen = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return self.take(np.sort(chosen).astype(np.int64))
