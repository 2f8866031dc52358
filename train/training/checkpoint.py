"""What an interrupted run goes on from, and the best epoch so far: files that are whole or not there."""

from __future__ import annotations

import math

import h5py
import keras
import numpy as np

from edge.errors import DataError
from edge.system.atomic_files import replacing
from train.data.batches import Batches
from train.recipes.schema import Fit
from train.training.run_folder import RunFolder

Logs = dict[str, float] | None

#: Attribute of the weights file that counts the finished epochs of the whole run.
_EPOCHS = "mien_epochs"


def finished_epochs(run: RunFolder) -> int:
    """How many epochs of an interrupted run stand, over all its stages; 0 where it has no checkpoint yet.

    Raises:
        DataError: the checkpoint is damaged.
    """
    if not run.latest_weights.exists():
        return 0
    try:
        with h5py.File(run.latest_weights) as file:
            return int(file.attrs[_EPOCHS])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{run.latest_weights} is damaged: start the run anew in another --out ({error})") from error


class Checkpoint(keras.callbacks.Callback):
    """Saves weights and optimiser after each epoch; tells the batches which epoch's order to take.

    The number of finished epochs is in the same file: a kill at any moment leaves the state of one epoch, never
    half of two.

    Args:
        run: where `checkpoint/latest.weights.h5` is.
        batches: the Training faces.
        settings: the recipe's `[fit]`.
        first_epoch: the one with which this stage began.

    Attributes:
        early: the early stopping, which remembers the stage's epochs before an interruption; or None.
    """

    def __init__(self, run: RunFolder, batches: Batches, settings: Fit, first_epoch: int) -> None:
        super().__init__()
        self._run, self._batches, self._settings, self._first = run, batches, settings, first_epoch
        patience = settings.patience
        self.early = keras.callbacks.EarlyStopping("val_accuracy", patience=patience, mode="max") if patience else None
        self._finished = 0

    def restore(self, model: keras.Model) -> None:
        """Load the last state into a compiled model."""
        # The optimiser's variables must be there before they can be loaded.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._run.latest_weights)

    def stopped_early(self) -> bool:
        """Whether the stage's epochs so far are those after which early stopping stops."""
        accuracies = [row["val_accuracy"] for row in self._run.read_history()[self._first :]]
        if self.early is None or not accuracies:
            return False
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= self._settings.patience

    def commit(self) -> None:
        """The epoch is finished in every respect: its state is the one to go on from."""
        with h5py.File(self._run.pending_weights, "r+") as file:
            file.attrs[_EPOCHS] = self._finished
        self._run.pending_weights.replace(self._run.latest_weights)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Let early stopping see the epochs of the stage's first part: it has just forgotten them."""
        if self.early is not None:
            for epoch, row in enumerate(self._run.read_history()[self._first :], self._first):
                self.early.on_epoch_end(epoch, row)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set what is random to this epoch's: the order of the faces, augmentation and dropout.

        Keras saves no state of its random generators, so a resumed run would repeat the first epochs' numbers.
        """
        self._batches.shuffle(epoch)
        generators = [v for v in self.model.variables if v.path.endswith("seed_generator_state")]
        for number, state in enumerate(generators):
            words = np.random.SeedSequence((self._settings.seed, epoch, number)).generate_state(1)
            state.assign(np.array([words[0] >> 1, 0]))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save; `commit` comes when the epoch's other files are written."""
        self.model.save_weights(self._run.pending_weights, overwrite=True)
        self._finished = epoch + 1


class BestWeights(keras.callbacks.Callback):
    """Keeps the epoch that is best on PublicTest, over all stages.

    Args:
        run: where `checkpoint/best.weights.h5` is, and the history of the epochs before an interruption.
        best: a model of the same weights in Keras' own float32 layers, without an optimiser.
    """

    def __init__(self, run: RunFolder, best: keras.Model) -> None:
        super().__init__()
        self._run, self._best = run, best
        self._accuracy = max((row["val_accuracy"] for row in run.read_history()), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if no epoch before was as good."""
        accuracy = (logs or {})["val_accuracy"]
        if accuracy > self._accuracy:
            self._accuracy = accuracy
            self._best.set_weights(self.model.get_weights())
            with replacing(self._run.best_weights) as temporary:
                self._best.save_weights(temporary, overwrite=True)
