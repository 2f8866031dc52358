"""`mien doctor`: what is wrong with this machine, and the command that mends it.

Each check is a function that gives findings; what it looks at is a parameter, so that a test can make every state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.doctor.finding import Finding
from edge.doctor.hardware import board_health, cameras, clock, disk, governor, groups, memory
from edge.doctor.software import architecture, detector_weights, libraries, litert, picamera2, python

#: In the order in which they are told: what everything needs comes first.
CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    architecture,
    python,
    libraries,
    litert,
    detector_weights,
    picamera2,
    groups,
    cameras,
    board_health,
    governor,
    memory,
    disk,
    clock,
)


def examine() -> Iterator[Finding]:
    """Run every check on this machine."""
    for check in CHECKS:
        yield from check()
