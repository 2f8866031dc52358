"""Faces in batches, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

import keras
import numpy as np

from edge.dataset import Faces


class Batches(keras.utils.PyDataset):
    """One split in memory, batch by batch.

    Args:
        faces: the split.
        batch_size: faces a batch; the last one may be smaller.
        seed: of the order, with the epoch's number; None keeps the faces in file order.
    """

    def __init__(self, faces: Faces, batch_size: int, seed: int | None) -> None:
        super().__init__()
        self._pixels = faces.images[..., None]
        self._targets = np.eye(len(faces.labels), dtype=np.float32)[faces.class_ids]
        self._batch_size, self._seed = batch_size, seed
        self._order = np.arange(len(faces))

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index`: pixels `(n, 48, 48, 1)` float32 0..255 and one-hot targets `(n, classes)` float32."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._pixels[chosen].astype(np.float32), self._targets[chosen]

    def shuffle(self, epoch: int) -> None:
        """Put the faces in the order of this epoch, so that a resumed run sees what a whole one would."""
        if self._seed is not None:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._order))
