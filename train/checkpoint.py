"""What an interrupted run goes on from, and the best epoch so far: files that are whole or not there."""

from __future__ import annotations

import math

import keras
import numpy as np

from edge.files import replacing
from train.batches import Batches
from train.recipe import Fit
from train.run import RunFolder

Logs = dict[str, float] | None


class Checkpoint(keras.callbacks.Callback):
    """Saves weights and optimiser after each epoch; tells the batches which epoch's order to take.

    The number of finished epochs is the optimiser's count of steps, inside the same file: a kill at any moment
    leaves the state of one epoch, never half of two.

    Args:
        run: where `checkpoint/latest.weights.h5` is.
        batches: the Training faces.
        settings: the recipe's `[fit]`.

    Attributes:
        early: the early stopping, which remembers the epochs before the interruption; or None.
    """

    def __init__(self, run: RunFolder, batches: Batches, settings: Fit) -> None:
        super().__init__()
        self._run, self._batches, self._settings = run, batches, settings
        patience = settings.patience
        self.early = keras.callbacks.EarlyStopping("val_accuracy", patience=patience, mode="max") if patience else None

    def restore(self, model: keras.Model) -> int:
        """Load the last state into a compiled model; returns the number of finished epochs."""
        if not self._run.latest_weights.exists():
            return 0
        # The optimiser's variables must be there before they can be loaded.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._run.latest_weights)
        return int(model.optimizer.iterations) // len(self._batches)

    def stopped_early(self) -> bool:
        """Whether the epochs so far are those after which early stopping stops."""
        accuracies = [row["val_accuracy"] for row in self._run.read_history()]
        if self.early is None or not accuracies:
            return False
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= self._settings.patience

    def commit(self) -> None:
        """The epoch is finished in every respect: its state is the one to go on from."""
        self._run.pending_weights.replace(self._run.latest_weights)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Let early stopping see the epochs of the run's first part: it has just forgotten them."""
        if self.early is not None:
            for epoch, row in enumerate(self._run.read_history()):
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


class BestWeights(keras.callbacks.Callback):
    """Keeps the epoch that is best on PublicTest.

    Args:
        run: where `checkpoint/best.weights.h5` is, and the history of the epochs before an interruption.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run
        self._best = max((row["val_accuracy"] for row in run.read_history()), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if no epoch before was as good."""
        accuracy = (logs or {})["val_accuracy"]
        if accuracy > self._best:
            self._best = accuracy
            with replacing(self._run.best_weights) as temporary:
                self.model.save_weights(temporary, overwrite=True)
