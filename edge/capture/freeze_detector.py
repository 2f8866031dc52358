"""Detects a source that repeats one picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Every eighth row is compared: noise is in all rows, and the comparison takes some hundredths of a millisecond.
_ROW_STEP = 8


class FreezeDetector:
    """Measures for how long a camera has given the same picture. A working camera has noise in every frame."""

    def __init__(self) -> None:
        self._rows: npt.NDArray[np.uint8] | None = None
        self._since_s = 0.0

    def unchanged_s(self, image: npt.NDArray[np.uint8], timestamp_s: float) -> float:
        """Add a frame, and return for how many seconds the picture has been the same; 0 for a new picture.

        Args:
            image: `(h, w)` or `(h, w, 3)` uint8.
            timestamp_s: monotonic time of the frame.
        """
        rows = image[::_ROW_STEP]
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._rows, self._since_s = rows.copy(), timestamp_s
        return timestamp_s - self._since_s

    def reset(self) -> None:
        """Forget the last picture: a time without frames does not count."""
        self._rows = None
