"""Faces in batches, in an order and with an augmentation that depend on the seed and the epoch alone."""

from __future__ import annotations

from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.data.augmentation import augment_faces, mixup
from train.recipes.schema import Augment

Floats = npt.NDArray[np.float32]


class TargetMixer(Protocol):
    """Changes the targets of a batch, such as `train.training.distillation.Teachers`."""

    def mix(self, pixels: Floats, targets: Floats) -> Floats:
        """New targets `(n, classes)`, rows sum to 1, for faces `(n, 48, 48)` 0..255 and their targets."""
        ...


class Batches(keras.utils.PyDataset):
    """The batches of one split; a memory-mapped split is read from disk batch by batch.

    Args:
        faces: the split.
        batch_size: faces in each batch; the last one may be smaller. Rounded up to a multiple of `multiple_of`.
        seed: determines the order and the augmentation together with the epoch's number; None keeps the faces in the
            order of the file.
        augment: how each face is changed; None or disabled for no change.
        multiple_of: number of devices that share a batch: the last batch is padded to a multiple of it, with faces of
            weight 0.
        teachers: changes the targets by the faces as they are in the batch, after augmentation; None leaves them.
        part: which of several processes this one is, from 0, and how many there are: each gets an equal part of each
            batch. `multiple_of` has to be a multiple of their number.
    """

    def __init__(
        self,
        faces: Faces,
        batch_size: int,
        seed: int | None,
        augment: Augment | None = None,
        multiple_of: int = 1,
        teachers: TargetMixer | None = None,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__()
        self._faces = faces
        self._augment = augment if augment and augment.enabled else None
        self._batch_size = -(-batch_size // multiple_of) * multiple_of
        self._seed, self._multiple_of = seed, multiple_of
        self._teachers, self._part = teachers, part
        self._order = np.arange(len(faces))
        self._epoch = 0

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Floats, ...]:
        """Batch `index`.

        Returns:
            The part of this process: pixels `(n, 48, 48, 1)` float32 0..255 and targets `(n, classes)` float32; where
            several devices share the batch also weights `(n,)` float32, 0 for the padding and 1 for the others.
        """
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        counted = len(chosen)
        chosen = np.resize(chosen, counted + -counted % self._multiple_of)
        weights = (np.arange(len(chosen)) < counted).astype(np.float32)
        number, count = self._part
        size = len(chosen) // count
        own = slice(number * size, (number + 1) * size)
        chosen, weights = chosen[own], weights[own]
        images = self._faces.images[chosen]
        targets = self._targets(chosen)
        if self._augment is None:
            pixels = images.astype(np.float32)
        else:
            # Each part has changes of its own.
            state = (self._seed or 0, self._epoch, index) + ((number,) if count > 1 else ())
            random = np.random.default_rng(state)
            pixels = augment_faces(images, self._augment, random)
            if self._augment.mixup:
                pixels, targets = mixup(pixels, targets, self._augment.mixup, random)
        if self._teachers is not None:
            targets = self._teachers.mix(pixels, targets)
        if self._multiple_of == 1:
            return pixels[..., None], targets
        return pixels[..., None], targets, weights

    def _targets(self, chosen: npt.NDArray[np.int64]) -> Floats:
        if self._faces.targets is not None:
            return self._faces.targets[chosen]
        one_hot: Floats = np.eye(len(self._faces.labels), dtype=np.float32)[self._faces.class_ids[chosen]]
        return one_hot

    def shuffle(self, epoch: int) -> None:
        """Put the faces in the order of this epoch, which a resumed run repeats exactly."""
        self._epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._order))
