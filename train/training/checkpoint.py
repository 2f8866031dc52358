"""Checkpoints: the state from which an interrupted run continues, and the best epoch so far, written atomically."""

from __future__ import annotations

import math

import h5py
import keras
import numpy as np

from edge.errors import DataError
from edge.system.atomic_files import replacing
from train.data.batches import Batches
from train.recipes.schema import Fit
from train.run_folder import RunFolder
from train.training.torch_layers import seed_dropout

Logs = dict[str, float] | None

#: Attribute of the weights file that holds the number of finished epochs of the whole run.
_EPOCHS = "mien_epochs"


def finished_epochs(run: RunFolder) -> int:
    """The number of finished epochs of an interrupted run over all its stages; 0 without a checkpoint.

    Raises:
        DataError: the checkpoint is damaged.
    """
    if not run.latest_weights.exists():
        return 0
    try:
        with h5py.File(run.latest_weights) as file:
            return int(file.attrs[_EPOCHS])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{run.latest_weights} is damaged: start a new run in another --out ({error})") from error


def stopped_early(run: RunFolder, settings: Fit, first_epoch: int) -> bool:
    """Whether early stopping would stop after the epochs of a stage so far.

    Args:
        run: the run folder.
        settings: the recipe's `[fit]`.
        first_epoch: the first epoch of the stage, counted from 0 over the whole run.
    """
    accuracies = [row["val_accuracy"] for row in run.read_history()[first_epoch:]]
    if not settings.patience or not accuracies:
        return False
    return len(accuracies) - 1 - int(np.argmax(accuracies)) >= settings.patience


class Checkpoint(keras.callbacks.Callback):
    """Saves weights and optimizer state after each epoch, and sets what is random at the beginning of each epoch.

    The number of finished epochs is in the same file: a kill at any moment leaves the state of exactly one epoch.

    Args:
        run: the run folder with `checkpoint/latest.weights.h5`.
        batches: the Training faces.
        settings: the recipe's `[fit]`.
        first_epoch: the first epoch of this stage, counted from 0 over the whole run.

    Attributes:
        early_stopping: Keras' callback, which also takes the stage's epochs before an interruption into account; None
            without `patience`.
    """

    def __init__(self, run: RunFolder, batches: Batches, settings: Fit, first_epoch: int) -> None:
        super().__init__()
        self._run, self._batches, self._settings, self._first_epoch = run, batches, settings, first_epoch
        patience = settings.patience
        stopping = keras.callbacks.EarlyStopping("val_accuracy", patience=patience, mode="max") if patience else None
        self.early_stopping = stopping
        self._finished = 0

    def commit(self) -> None:
        """Make the state that was saved last the one to resume from, once the epoch's other files are written."""
        with h5py.File(self._run.pending_weights, "r+") as file:
            file.attrs[_EPOCHS] = self._finished
        self._run.pending_weights.replace(self._run.latest_weights)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Replay the stage's epochs before an interruption to early stopping, which has just been reset."""
        if self.early_stopping is not None:
            for epoch, row in enumerate(self._run.read_history()[self._first_epoch :], self._first_epoch):
                self.early_stopping.on_epoch_end(epoch, row)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set what is random to this epoch's state: the order of the faces, augmentation and dropout.

        Keras does not save the state of its random generators, so a resumed run would repeat the first epochs'
        numbers.
        """
        self._batches.shuffle(epoch)
        generators = [v for v in self.model.variables if v.path.endswith("seed_generator_state")]
        for number, state in enumerate(generators):
            state.assign(np.array([self._seed_of(epoch, number), 0]))
        seed_dropout(self._seed_of(epoch, len(generators)))

    def _seed_of(self, epoch: int, number: int) -> int:
        words = np.random.SeedSequence((self._settings.seed, epoch, number)).generate_state(1)
        return int(words[0]) >> 1

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save the state; `commit` follows when the epoch's other files are written."""
        self.model.save_weights(self._run.pending_weights, overwrite=True)
        self._finished = epoch + 1


class BestWeights(keras.callbacks.Callback):
    """Saves the weights of the epoch with the best PublicTest accuracy over all stages.

    Args:
        run: the run folder with `checkpoint/best.weights.h5`, and the history of the epochs before an interruption.
        best: the model that `Validation` gives the weights of each epoch.
    """

    def __init__(self, run: RunFolder, best: keras.Model) -> None:
        super().__init__()
        self._run, self._best = run, best
        self._accuracy = max((row["val_accuracy"] for row in run.read_history()), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save the weights if they are better than those of every epoch before."""
        accuracy = (logs or {})["val_accuracy"]
        if accuracy > self._accuracy:
            self._accuracy = accuracy
            with replacing(self._run.best_weights) as temporary:
                self._best.save_weights(temporary, overwrite=True)
