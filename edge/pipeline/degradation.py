"""What a governor does one after the other to make a run cheaper: first what costs least of what is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Whose cost depends on the size of the frame: BlazeFace's network has one size, whatever comes.
SIZED_DETECTORS = ("haar", "yunet")
#: Where so many frames are left out between two, the next step would be to see nobody.
_KEEP_ONE_OF = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class DegradationLevel:
    """One step.

    Attributes:
        stretch: the detector's looks are so many times further apart than the cadence has them.
        shrink: the detector is shown frames of a so many times smaller width and height.
        capture_shrink: the camera is asked for frames of a so many times smaller width and height.
        keep_one_of: of so many frames one is processed.
    """

    stretch: int = 1
    shrink: int = 1
    capture_shrink: int = 1
    keep_one_of: int = 1

    def __str__(self) -> str:
        said = []
        if self.stretch > 1:
            said.append(f"the detector looks {self.stretch} times as seldom")
        if self.shrink > 1:
            said.append(f"at frames of 1/{self.shrink} of their width")
        if self.capture_shrink > 1:
            said.append(f"frames are captured at 1/{self.capture_shrink} of their width")
        if self.keep_one_of > 1:
            said.append(f"1 of {self.keep_one_of} frames is processed")
        return ", ".join(said) or "everything as asked for"


def degradation_levels(detector: str, live: bool, camera: bool = False) -> tuple[DegradationLevel, ...]:
    """The steps, cheapest last.

    Args:
        detector: its name.
        live: frames may be left out; never those of a file.
        camera: frames may be asked for in another size; not so with a stream.
    """
    rungs = [DegradationLevel(), DegradationLevel(2), DegradationLevel(4)]
    if detector in SIZED_DETECTORS:
        rungs.append(DegradationLevel(4, 2))
    if camera:
        # Of these the detector sees no less than before.
        rungs.append(DegradationLevel(4, capture_shrink=2))
    if live:
        rungs += [replace(rungs[-1], keep_one_of=keep) for keep in _KEEP_ONE_OF]
    return tuple(rungs)
