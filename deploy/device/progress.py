"""What the installer is doing, for those who watch it, and for a test that kills it there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

#: In their order. What comes before `switch` leaves the old release current, what comes after it the new one.
STEPS = (
    "lock", "verify", "check", "begin", "sweep", "unpack", "environment", "settle", "name", "health", "trust", "switch",
    "record", "service", "prune", "done",
)  # fmt: skip

Announce = Callable[[str], None]


def say(step: str) -> None:
    """Announce a step on standard error."""
    assert step in STEPS
    # Whoever listened may be gone: a lost ssh connection must not stop an installation half-way.
    with suppress(OSError):
        print(f"step {step}", file=sys.stderr, flush=True)


def say_nothing(step: str) -> None:
    """Announce no step."""
    assert step in STEPS
