"""Degradation levels: how load control makes a run cheaper, step by step, the least visible step first."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Of this many frames one is processed, at the last levels. Beyond the last value, faces would be missed altogether.
_KEEP_ONE_OF = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class DegradationLevel:
    """One level.

    Attributes:
        interval_factor: detector runs are this many times further apart than the detection interval has them.
        downscale: the detector gets frames whose width and height are divided by this.
        capture_downscale: the camera is asked for frames whose width and height are divided by this.
        keep_one_of: of this many frames one is processed.
    """

    interval_factor: int = 1
    downscale: int = 1
    capture_downscale: int = 1
    keep_one_of: int = 1

    def __str__(self) -> str:
        parts = []
        if self.interval_factor > 1:
            parts.append(f"detection interval x{self.interval_factor}")
        if self.downscale > 1:
            parts.append(f"detection at 1/{self.downscale} of the frame width")
        if self.capture_downscale > 1:
            parts.append(f"capture at 1/{self.capture_downscale} of the frame width")
        if self.keep_one_of > 1:
            parts.append(f"1 of {self.keep_one_of} frames processed")
        return ", ".join(parts) or "no degradation"


def degradation_levels(downscalable: bool, live: bool, camera: bool = False) -> tuple[DegradationLevel, ...]:
    """Return the levels that a run can use, from no degradation to the cheapest.

    Args:
        downscalable: smaller frames make the detector faster.
        live: frames may be skipped; never those of a file.
        camera: the source can be asked for smaller frames.
    """
    levels = [DegradationLevel(), DegradationLevel(2), DegradationLevel(4)]
    if downscalable:
        levels.append(DegradationLevel(4, 2))
    if camera:
        # In these frames the detector sees no less than before.
        levels.append(DegradationLevel(4, capture_downscale=2))
    if live:
        levels += [replace(levels[-1], keep_one_of=keep) for keep in _KEEP_ONE_OF]
    return tuple(levels)
