"""Batch-normalization statistics for averaged weights (EMA), with which no training step was ever run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.training.torch_layers import no_gradients

Logs = dict[str, float] | None
Array = npt.NDArray[np.float32]

#: Faces from which the statistics are computed: the accuracy with 2,048, and with all of FER-2013, is within 0.2
#: points of it.
N_FACES = 4096


class RecomputeBatchNorm(keras.callbacks.Callback):
    """Gives averaged weights their own batch-normalization statistics; comes after `SwapEMAWeights`.

    The statistics that training gathers belong to the weights of the last few batches, to augmented faces and to
    feature maps with dropout. This callback runs the averaged weights on Training faces without augmentation and
    dropout, as in use (`update_bn` of Izmailov et al., 2018, "Averaging Weights Leads to Wider Optima and Better
    Generalization"), and exchanges the statistics whenever the weights are exchanged.

    Args:
        training: the Training faces.
        batch_size: faces in one batch.
        seed: determines which faces are used.
    """

    def __init__(self, training: Faces, batch_size: int, seed: int) -> None:
        super().__init__()
        chosen = np.random.default_rng(seed).permutation(len(training))[:N_FACES]
        # A last batch of a few faces would count as much as the others.
        whole = max(len(chosen) // batch_size * batch_size, min(batch_size, len(chosen)))
        self._images, self._batch_size = training.images[chosen[:whole]], batch_size
        self._of_training: list[Array] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compute the averaged weights' statistics, which are validated, and saved if the epoch is the best."""
        self._of_training = self._statistics()
        self._recompute()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Continue with the statistics of training."""
        if self._of_training:
            self._assign(self._of_training)

    def _recompute(self) -> None:
        layers = self._layers()
        with _without_dropout(self.model), no_gradients():
            try:
                for number, start in enumerate(range(0, len(self._images), self._batch_size)):
                    for layer, _ in layers:
                        # This momentum gives the mean over the batches so far.
                        layer.momentum = number / (number + 1)
                    pixels = self._images[start : start + self._batch_size, :, :, None]
                    self.model(pixels.astype(np.float32), training=True)
            finally:
                for layer, momentum in layers:
                    layer.momentum = momentum

    def _layers(self) -> list[tuple[keras.layers.BatchNormalization, float]]:
        """The batch normalizations that are trained, and so gather statistics; with their momentum."""
        layers = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        return [(layer, layer.momentum) for layer in layers if layer.trainable]

    def _variables(self) -> list[keras.Variable]:
        return [value for layer, _ in self._layers() for value in (layer.moving_mean, layer.moving_variance)]

    def _statistics(self) -> list[Array]:
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]

    def _assign(self, values: list[Array]) -> None:
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)


@contextmanager
def _without_dropout(model: keras.Model) -> Iterator[None]:
    """Set the rate of every dropout layer to 0 for the block."""
    layers = [(layer, layer.rate) for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    for layer, _ in layers:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, rate in layers:
            layer.rate = rate
