"""Averaged weights (EMA) never ran in training: they need batch-normalisation statistics of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from edge.datasets.reader import Faces
from train.training.torch_layers import no_gradients

Logs = dict[str, float] | None

#: Faces that the statistics are taken from: 2,048 and all of FER-2013's end within 0.2 points of them.
N_FACES = 4096


class AveragedBatchNorm(keras.callbacks.Callback):
    """Stands beside `SwapEMAWeights`, after it: where the averaged weights are in the model, so are their statistics.

    What training gathers belongs to the weights of the last few batches, to augmented faces and to maps that dropout
    thinned out. Here the averaged weights are shown Training faces as they are, nothing dropped, as in use
    (`update_bn` of Izmailov et al., 2018, "Averaging Weights Leads to Wider Optima and Better Generalization").

    Args:
        training: the Training faces.
        batch_size: faces at a time.
        seed: of their choice.
    """

    def __init__(self, training: Faces, batch_size: int, seed: int) -> None:
        super().__init__()
        chosen = np.random.default_rng(seed).permutation(len(training))[:N_FACES]
        # A last batch of a few faces would weigh as much as the others.
        whole = max(len(chosen) // batch_size * batch_size, min(batch_size, len(chosen)))
        self._images, self._batch_size = training.images[chosen[:whole]], batch_size
        self._gathered: list[np.ndarray] = []
        self._own: list[np.ndarray] = []

    def on_test_begin(self, logs: Logs = None) -> None:
        """Take the averaged weights' statistics, for the validation."""
        self._gathered = self._statistics()
        self._take()
        self._own = self._statistics()

    def on_test_end(self, logs: Logs = None) -> None:
        """Put those of training back: the checkpoint is to see them."""
        self._set(self._gathered)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Put the averaged weights' in: these are kept, if the epoch is the best."""
        self._set(self._own)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Go on with those of training."""
        if self._gathered:
            self._set(self._gathered)

    def _take(self) -> None:
        layers = self._layers()
        with _all_kept(self.model), no_gradients():
            try:
                for number, start in enumerate(range(0, len(self._images), self._batch_size)):
                    for layer, _ in layers:
                        # The mean over the batches so far.
                        layer.momentum = number / (number + 1)
                    pixels = self._images[start : start + self._batch_size, :, :, None]
                    self.model(pixels.astype(np.float32), training=True)
            finally:
                for layer, momentum in layers:
                    layer.momentum = momentum

    def _layers(self) -> list[tuple[keras.layers.BatchNormalization, float]]:
        """Those that learn, and so gather; with their momentum."""
        layers = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        return [(layer, layer.momentum) for layer in layers if layer.trainable]

    def _variables(self) -> list[keras.Variable]:
        return [value for layer, _ in self._layers() for value in (layer.moving_mean, layer.moving_variance)]

    def _statistics(self) -> list[np.ndarray]:
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]

    def _set(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)


@contextmanager
def _all_kept(model: keras.Model) -> Iterator[None]:
    """Dropout that drops nothing, meanwhile."""
    layers = [(layer, layer.rate) for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    for layer, _ in layers:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, rate in layers:
            layer.rate = rate
