"""Faces in batches, in an order and with changes that depend on the seed and the epoch alone."""

from __future__ import annotations

import keras
import numpy as np

from edge.dataset import Faces
from train.augment import augment_faces
from train.recipe import Augment


class Batches(keras.utils.PyDataset):
    """One split in memory, batch by batch.

    Args:
        faces: the split.
        batch_size: faces a batch; the last one may be smaller.
        seed: of the order and the augmentation, with the epoch's number; None keeps the faces in file order.
        augment: how each face is changed; None or disabled for not at all.
    """

    def __init__(self, faces: Faces, batch_size: int, seed: int | None, augment: Augment | None = None) -> None:
        super().__init__()
        self._images = faces.images
        self._augment = augment if augment and augment.enabled else None
        self._targets = np.eye(len(faces.labels), dtype=np.float32)[faces.class_ids]
        self._batch_size, self._seed = batch_size, seed
        self._order = np.arange(len(faces))
        self._epoch = 0

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index`: pixels `(n, 48, 48, 1)` float32 0..255 and one-hot targets `(n, classes)` float32."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        images = self._images[chosen]
        if self._augment is None:
            pixels = images.astype(np.float32)
        else:
            pixels = augment_faces(images, self._augment, np.random.default_rng((self._seed or 0, self._epoch, index)))
        return pixels[..., None], self._targets[chosen]

    def shuffle(self, epoch: int) -> None:
        """Put the faces in the order of this epoch, so that a resumed run sees what a whole one would."""
        self._epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._order))
