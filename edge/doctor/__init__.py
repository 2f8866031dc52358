"""`mien doctor`: finds what is wrong with this machine, and names the command that fixes it.

Each check is a function that returns findings. What a check reads is a parameter, so that a test can set up every
state. `hardware` and `software` hold the checks, `finding` their result; `CHECKS` lists them in the order in which
they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.doctor.finding import Finding, State
from edge.doctor.hardware import board_health, cameras, clock, cpu_frequency, disk, groups, memory
from edge.doctor.software import architecture, detector_weights, libraries, litert, picamera2, python, stream_decoding

__all__ = ["CHECKS", "Finding", "State", "examine"]

#: In the order in which they are reported: what everything else depends on comes first.
CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    architecture,
    python,
    libraries,
    litert,
    detector_weights,
    picamera2,
    stream_decoding,
    groups,
    cameras,
    board_health,
    cpu_frequency,
    memory,
    disk,
    clock,
)


def examine() -> Iterator[Finding]:
    """Run every check on this machine and yield its findings as they come."""
    for check in CHECKS:
        yield from check()
