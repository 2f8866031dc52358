"""How long to wait before the next try."""

from __future__ import annotations

import random

#: The first wait, and the longest.
FIRST_S, LONGEST_S = 0.25, 30.0
#: Waits differ by up to this share, so that several daemons do not ask one camera at the same moment.
JITTER = 0.1


class Backoff:
    """Waits that double, from `FIRST_S` to `LONGEST_S`."""

    def __init__(self) -> None:
        self._tries = 0

    def next_s(self) -> float:
        """The next wait in seconds."""
        # Bounded before it is raised to a power: there may be weeks of tries.
        wait_s = min(LONGEST_S, FIRST_S * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return wait_s * random.uniform(1 - JITTER, 1 + JITTER)

    def reset(self) -> None:
        """It worked: begin anew."""
        self._tries = 0
