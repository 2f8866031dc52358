"""Exponential back-off with jitter."""

from __future__ import annotations

import random

#: The first wait, and the longest unless the caller sets another, in seconds.
FIRST_S, LONGEST_S = 0.25, 30.0
#: Waits vary by up to this share, so that several daemons do not ask one camera at the same moment.
JITTER = 0.1


class Backoff:
    """Waits between attempts: they double from `FIRST_S` up to a limit, each varied by `JITTER`.

    Args:
        longest_s: the limit.
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._attempts = 0

    def next_s(self) -> float:
        """Return the next wait in seconds."""
        # The exponent is bounded: attempts may go on for weeks.
        wait_s = min(self._longest_s, FIRST_S * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return wait_s * random.uniform(1 - JITTER, 1 + JITTER)

    def reset(self) -> None:
        """Start again from `FIRST_S`, after a successful attempt."""
        self._attempts = 0
