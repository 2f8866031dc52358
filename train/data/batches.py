"""Faces in batches, in an order and with changes that depend on the seed and the epoch alone."""

from __future__ import annotations

import keras
import numpy as np

from edge.datasets.reader import Faces
from train.data.augmentation import augment_faces, mix_up
from train.recipes.schema import Augment
from train.training.distillation import Teachers


class Batches(keras.utils.PyDataset):
    """One split, batch by batch; a memory-mapped split is read from the disk as it goes.

    Args:
        faces: the split.
        batch_size: faces a batch; the last one may be smaller. Rounded up to a multiple of `multiple_of`.
        seed: of the order and the augmentation, with the epoch's number; None keeps the faces in file order.
        augment: how each face is changed; None or disabled for not at all.
        multiple_of: devices that share a batch: the last one is filled up to a multiple of so many, by faces that
            count for nothing.
        teachers: who has a share in each target, by the face as it is here, changes included; None for nobody.
    """

    def __init__(
        self,
        faces: Faces,
        batch_size: int,
        seed: int | None,
        augment: Augment | None = None,
        multiple_of: int = 1,
        teachers: Teachers | None = None,
    ) -> None:
        super().__init__()
        self._faces = faces
        self._augment = augment if augment and augment.enabled else None
        self._batch_size = -(-batch_size // multiple_of) * multiple_of
        self._seed, self._multiple_of = seed, multiple_of
        self._teachers = teachers
        self._order = np.arange(len(faces))
        self._epoch = 0

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Batch `index`.

        Returns:
            Pixels `(n, 48, 48, 1)` float32 0..255 and targets `(n, classes)` float32; where several devices share it
            also weights `(n,)` float32, 0 for the faces that fill it up.
        """
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        filling = -len(chosen) % self._multiple_of
        counted = len(chosen)
        chosen = np.resize(chosen, counted + filling)
        images = self._faces.images[chosen]
        targets = self._targets(chosen)
        if self._augment is None:
            pixels = images.astype(np.float32)
        else:
            random = np.random.default_rng((self._seed or 0, self._epoch, index))
            pixels = augment_faces(images, self._augment, random)
            if self._augment.mixup:
                pixels, targets = mix_up(pixels, targets, self._augment.mixup, random)
        if self._teachers is not None:
            targets = self._teachers.teach(pixels, targets)
        if self._multiple_of == 1:
            return pixels[..., None], targets
        weights = np.ones(len(chosen), np.float32)
        weights[counted:] = 0
        return pixels[..., None], targets, weights

    def _targets(self, chosen: np.ndarray) -> np.ndarray:
        if self._faces.targets is not None:
            return self._faces.targets[chosen]
        return np.eye(len(self._faces.labels), dtype=np.float32)[self._faces.class_ids[chosen]]

    def shuffle(self, epoch: int) -> None:
        """Put the faces in the order of this epoch, so that a resumed run sees what a whole one would."""
        self._epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._order))
