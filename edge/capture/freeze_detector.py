"""A picture that never changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Every so many rows are compared: noise is in all of them, and this costs some hundredths of a millisecond.
_EVERY = 8


class Freeze:
    """Since when a camera has given the same picture; a real one has noise in every frame."""

    def __init__(self) -> None:
        self._rows: npt.NDArray[np.uint8] | None = None
        self._since_s = 0.0

    def same_for_s(self, image: npt.NDArray[np.uint8], timestamp_s: float) -> float:
        """For how many seconds the picture has been this one; 0 where it is new."""
        rows = image[::_EVERY]
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._rows, self._since_s = rows.copy(), timestamp_s
        return timestamp_s - self._since_s

    def forget(self) -> None:
        """The time without a picture does not count."""
        self._rows = None
