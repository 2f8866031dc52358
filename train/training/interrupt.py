"""Handles Ctrl-C during training between two batches."""

from __future__ import annotations

import signal
from typing import Any

import keras

Logs = dict[str, float] | None


class InterruptBetweenBatches(keras.callbacks.Callback):
    """Raises KeyboardInterrupt after the current batch instead of at any moment.

    At another moment it could be raised inside HDF5's callbacks while a checkpoint is written, which swallow it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._requested = False
        self._previous: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Install the signal handler, once for all stages."""
        if self._previous is None:
            self._previous = signal.signal(signal.SIGINT, self._request)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Stop here if Ctrl-C was pressed."""
        if self._requested:
            raise KeyboardInterrupt

    def uninstall(self) -> None:
        """Restore the previous signal handler, however the training ended."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _request(self, number: int, frame: Any) -> None:
        if self._requested:
            # Pressed twice: stop immediately.
            raise KeyboardInterrupt
        self._requested = True
