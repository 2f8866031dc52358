"""The steps of an installation, for those who watch it, and for a test that kills the installer at each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

#: In their order. Up to `switch` the old release is the current one, after it the new one.
STEPS = (
    "lock", "verify", "check", "begin", "clean", "unpack", "environment", "relocate", "publish", "health", "trust",
    "switch", "record", "service", "prune", "done",
)  # fmt: skip

#: Called with the name of each step before the step is taken.
StepReporter = Callable[[str], None]


def print_step(step: str) -> None:
    """Print a step to standard error."""
    assert step in STEPS
    # The reader may be gone: a lost ssh connection must not stop an installation halfway.
    with suppress(OSError):
        print(f"step {step}", file=sys.stderr, flush=True)


def ignore_step(step: str) -> None:
    """Report nothing."""
    assert step in STEPS
