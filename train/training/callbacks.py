"""Callbacks that record a run: its speed, its learning rate, its history; and one that lowers the learning rate."""

from __future__ import annotations

import time

import keras
import numpy as np

from train.recipes.schema import Fit, Stage
from train.run_folder import RunFolder

Logs = dict[str, float] | None


class Throughput(keras.callbacks.Callback):
    """Measures the images per second of a stage's training, without the validation.

    Args:
        n_faces: faces in each epoch.
    """

    def __init__(self, n_faces: int) -> None:
        super().__init__()
        self._n_faces = n_faces
        self._rates: list[float] = []
        self._began_s: float | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Discard the rates of the stage before."""
        self._rates = []

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._began_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Stop the clock: all results of the epoch's training have arrived; its validation comes after this."""
        if self._began_s is not None:
            self._rates.append(self._n_faces / (time.monotonic() - self._began_s))
            self._began_s = None

    @property
    def images_per_second(self) -> float | None:
        """The median over the epochs, without the first one, which compiles, if there are others; None before it."""
        rates = self._rates[1:] or self._rates
        return float(np.median(rates)) if rates else None


class LearningRate(keras.callbacks.Callback):
    """Adds the learning rate to each epoch's logs."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add it to the logs that the callbacks after this one see."""
        if logs is not None:
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class History(keras.callbacks.CSVLogger):
    """Keras' CSV log, which continues an existing file, with the stage's number and the epoch's seconds in each row.

    Args:
        run: the run folder with `history.csv`.
        stage: number of the stage, counted from 0.
    """

    def __init__(self, run: RunFolder, stage: int) -> None:
        super().__init__(run.history_csv, append=True)
        self._stage = stage
        self._began_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._began_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's row."""
        seconds = round(time.monotonic() - self._began_s, 2)
        super().on_epoch_end(epoch, {**(logs or {}), "stage": self._stage, "seconds": seconds})

    def close(self) -> None:
        """Close the file, however the training ended."""
        if self.csv_file is not None:
            self.csv_file.close()


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' callback, which also takes the stage's epochs before an interruption into account.

    Args:
        run: the run folder with the history of those epochs.
        fit: the recipe's settings.
        stage: the stage, with its initial learning rate.
        first_epoch: the first epoch of the stage, counted from 0 over the whole run.
    """

    def __init__(self, run: RunFolder, fit: Fit, stage: Stage, first_epoch: int) -> None:
        super().__init__("val_loss", factor=fit.plateau_factor, patience=fit.plateau_patience)
        self._run, self._stage, self._first_epoch = run, stage, first_epoch

    def on_train_begin(self, logs: Logs = None) -> None:
        """Replay the stage's epochs so far, from its initial learning rate."""
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate = self._stage.learning_rate
        for epoch, row in enumerate(self._run.read_history()[self._first_epoch :], self._first_epoch):
            self.on_epoch_end(epoch, dict(row))
