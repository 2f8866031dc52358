"""What watches a training run: its speed, its learning rate, its plateaus."""

from __future__ import annotations

import time

import keras
import numpy as np

from train.recipes.schema import Fit, Stage
from train.training.run_folder import RunFolder

Logs = dict[str, float] | None


class Throughput(keras.callbacks.Callback):
    """Counts images a second of a stage's training, validation left out.

    Args:
        n_faces: faces an epoch.
    """

    def __init__(self, n_faces: int) -> None:
        super().__init__()
        self._n_faces = n_faces
        self._rates: list[float] = []
        self._begun_s: float | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget the stage before."""
        self._rates = []

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._begun_s = time.monotonic()

    def on_test_begin(self, logs: Logs = None) -> None:
        """The epoch's training is over when its validation begins; its numbers have arrived then."""
        if self._begun_s is not None:
            self._rates.append(self._n_faces / (time.monotonic() - self._begun_s))
            self._begun_s = None

    @property
    def images_per_second(self) -> float | None:
        """Median over the epochs; the first, which compiles, only where there is no other. None before it."""
        rates = self._rates[1:] or self._rates
        return float(np.median(rates)) if rates else None


class LearningRate(keras.callbacks.Callback):
    """Adds the learning rate to each epoch's numbers."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write into what the callbacks after this one see."""
        if logs is not None:
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class History(keras.callbacks.CSVLogger):
    """Keras' CSV log, that goes on where it was, with the stage's number and the epoch's seconds in each row.

    Args:
        run: where `history.csv` is.
        stage: number of the stage, counted from 0.
    """

    def __init__(self, run: RunFolder, stage: int) -> None:
        super().__init__(run.history_csv, append=True)
        self._stage = stage
        self._begun_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._begun_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's row."""
        seconds = round(time.monotonic() - self._begun_s, 2)
        super().on_epoch_end(epoch, {**(logs or {}), "stage": self._stage, "seconds": seconds})


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' own, that remembers the stage's epochs before an interruption.

    Args:
        run: with the history of those epochs.
        fit: the recipe's settings.
        stage: with the learning rate that it starts from.
        first_epoch: the one with which the stage began.
    """

    def __init__(self, run: RunFolder, fit: Fit, stage: Stage, first_epoch: int) -> None:
        super().__init__("val_loss", factor=fit.plateau_factor, patience=fit.plateau_patience)
        self._run, self._stage, self._first = run, stage, first_epoch

    def on_train_begin(self, logs: Logs = None) -> None:
        """Go through the stage's epochs so far, from its first learning rate."""
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate = self._stage.learning_rate
        for epoch, row in enumerate(self._run.read_history()[self._first :], self._first):
            self.on_epoch_end(epoch, dict(row))
