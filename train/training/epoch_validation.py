"""Validation of each epoch's network in the form in which it is saved: in float32 and with Keras' own layers."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.data.batches import Batches
from train.training.processes import Processes
from train.training.torch_layers import no_gradients

Logs = dict[str, float] | None
Array = npt.NDArray[np.float32]


class Validation(keras.callbacks.Callback):
    """Measures the loss and the accuracy on the validation faces, and adds them to the epoch's logs.

    A network that is trained in mixed precision is compared in float32: the best epoch is the one that is best as it
    is saved, and its accuracy in the history is that of the saved file.

    Args:
        faces: the validation faces.
        batches: their pixels, or their features if `network` takes these.
        saved: a model in Keras' own float32 layers, which receives the weights of each epoch.
        network: gives the probabilities of the batches: `saved`, or its head.
        loss: its `call` gives the loss of each of `n` targets and probabilities, both `(n, classes)`.
        processes: those that train together: the first one measures for all.
    """

    def __init__(
        self,
        faces: Faces,
        batches: Batches,
        saved: keras.Model,
        network: keras.Model,
        loss: keras.losses.Loss,
        processes: Processes,
    ) -> None:
        super().__init__()
        self._class_ids, self._batches, self._loss = faces.class_ids, batches, loss
        self._saved, self._network = saved, network
        self._processes = processes

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Measure, and add the results to the logs that the callbacks after this one see."""
        self._saved.set_weights(self.model.get_weights())
        measured = self._measure() if self._processes.is_first else (0.0, 0.0)
        if self._processes.count > 1:
            loss, accuracy = self._processes.of_first(np.array(measured, np.float32))
            measured = float(loss), float(accuracy)
        if logs is not None:
            logs["val_loss"], logs["val_accuracy"] = measured

    def _measure(self) -> tuple[float, float]:
        targets, probabilities = self._run()
        # The loss of each face: the mean of a loss that several devices share is divided by their number.
        losses = keras.ops.convert_to_numpy(self._loss.call(targets, probabilities))
        return float(losses.mean()), float((probabilities.argmax(axis=1) == self._class_ids).mean())

    def _run(self) -> tuple[Array, Array]:
        targets, probabilities = [], []
        with no_gradients():
            for i in range(len(self._batches)):
                inputs, target = self._batches[i]
                # Called directly: `predict` would belong to the devices that share the training.
                scores = self._network(inputs, training=False)
                targets.append(target)
                probabilities.append(np.asarray(keras.ops.convert_to_numpy(scores), np.float32))
        return np.concatenate(targets), np.concatenate(probabilities)
