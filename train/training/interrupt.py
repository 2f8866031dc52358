"""Ctrl-C in training, taken between two batches."""

from __future__ import annotations

import signal
from typing import Any

import keras

Logs = dict[str, float] | None


class InterruptBetweenBatches(keras.callbacks.Callback):
    """Raises KeyboardInterrupt after the batch at hand, not in the middle of anything.

    At any other moment it might come up inside HDF5's callbacks while a checkpoint is written, which swallow it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted = False
        self._before: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Take the signal over, once for all stages."""
        if self._before is None:
            self._before = signal.signal(signal.SIGINT, self._note)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Stop here if it came."""
        if self._wanted:
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Stop here if it came."""
        self.on_train_batch_end(batch, logs)

    def give_back(self) -> None:
        """Let Ctrl-C mean again what it did; whatever way training ended."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _note(self, number: int, frame: Any) -> None:
        if self._wanted:
            # Asked twice: now, whatever it is in the middle of.
            raise KeyboardInterrupt
        self._wanted = True
