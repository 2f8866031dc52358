"""When the detector looks, and what is known of the faces in the frames between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from edge.detection import Detector
from edge.detection.downscaling import detect_downscaled
from edge.errors import WrongUseError
from edge.tracking.motion import Motion, motion
from edge.tracking.optical_flow import follow
from edge.tracking.propagation import PropagatedFace
from edge.tracking.thumbnail import Thumbnail, thumbnail
from edge.tracking.tracker import iou
from edge.types import Detection, Frame

#: How often the detector looks: at every so many frames; or as the scene needs it.
Cadence = int | Literal["auto"]
MAX_CADENCE = 1000

# What follows is for "auto". Measured by docs/experiments/detection_interval.py.
#: A face is looked for again after so long, and so many frames: below 16 frames a second it is the frames. One that is
#: restless is looked for after the frames alone: with every look after 0.25 s, the talking head's expressions differ.
LOOK_S, LOOK_FRAMES = 0.25, 4
#: Where there is no face and nothing moves, a look so often finds what crept in.
IDLE_S = 1.0
#: There, even a thumbnail for motion is only taken so often: a third of 30 frames a second.
GLANCE_S = 0.09
#: Something moves outside of the known faces: looks are so far apart at least. The second is where the last ones were
#: in vain (a tree in the wind): a face that enters then is found within 300 ms nevertheless.
PAUSE_S, PAUSE_IN_VAIN_S = 0.1, 0.2
#: So many looks that motion led to, and that found nobody new, are in vain.
IN_VAIN = 3
#: A face that the detector does not find again is looked for in so many more frames: it may have blinked.
CHECKS = 2
#: Two faces whose boxes overlap by this may be taken for each other: a look every other frame.
CROWDED_IOU = 0.05


class DetectionScheduler:
    """A detector that does not look at every frame; in the others, faces are carried along by optical flow.

    It looks on schedule; on doubt, where a face cannot be followed well; on motion outside of the known faces; at
    once where something moves at the picture's edge or the scene is another.

    Args:
        detector: the one that looks.
        cadence: how often.

    Attributes:
        name, box_scale: the detector's.
        looks: how often it has looked.
        stretch: looks are so many times further apart than the cadence has it, for a board that is too weak.
        shrink: the detector is shown frames of a so many times smaller width and height, for the same reason.
    """

    def __init__(self, detector: Detector, cadence: Cadence = "auto") -> None:
        self.name, self.box_scale = detector.name, detector.box_scale
        self._detector, self._cadence = detector, cadence
        self.looks, self.stretch, self.shrink = 0, 1, 1
        self._faces: list[PropagatedFace]
        #: The last small picture, and that of the last look.
        self._last: Thumbnail | None
        self._looked: Thumbnail | None
        #: Frames since the last look; looks still to come for a face that was lost; looks that motion led to in vain.
        self._frames: int
        self._checks: int
        self._vain: int
        #: Nothing moved outside of the known faces when it was looked for last.
        self._still: bool
        self.forget()

    def detect(self, frame: Frame) -> list[Detection]:
        """The faces in the frame, as they were found or as they have moved since; most confident first.

        What the detector raises goes on; then nothing is carried any more.
        """
        if self._cadence == 1 and self.stretch == 1:
            self.forget()
            return self._look(frame)
        if self._idle(frame):
            self._frames += 1
            return []
        view = thumbnail(frame)
        moved = self._carry(view)
        self._last = view
        self._frames += 1
        self._still = moved is not None and not moved.somewhere
        if moved is not None and not self._due(view, moved):
            return [face.now for face in self._faces]
        return self._look_again(frame, view, moved)

    def forget(self) -> None:
        """Know of no face, and look at the next frame: the source may show something else by then."""
        self._faces, self._last, self._looked = [], None, None
        self._frames = self._checks = self._vain = 0
        self._still = False

    def _idle(self, frame: Frame) -> bool:
        """There is no face, nothing moved a moment ago, and it is too early to see whether that is still so."""
        if self._cadence != "auto" or self._faces or self._checks or not self._still or self._last is None:
            return False
        return 0 <= frame.position_s - self._last.at_s < GLANCE_S

    def _carry(self, view: Thumbnail) -> Motion | None:
        """Take the faces along; what has moved besides, or None where what was known is worth nothing here."""
        last, looked = self._last, self._looked
        if last is None or looked is None or (last.picture.shape, last.scale) != (view.picture.shape, view.scale):
            return None
        # After a pause anything may have happened, and time that goes back is another clip.
        if not 0 <= view.at_s - last.at_s <= IDLE_S:
            return None
        if motion(last.cells, view.cells, (), view.size_wh).cut:
            return None
        moves = follow(last.picture, view.picture, [view.box(face.now.box) for face in self._faces])
        self._faces = [face.moved(move, view) for face, move in zip(self._faces, moves, strict=True)]
        known = [view.box(box) for face in self._faces for box in (face.found.box, face.now.box)]
        return motion(looked.cells, view.cells, known, view.size_wh)

    def _due(self, view: Thumbnail, moved: Motion) -> bool:
        """Whether the detector should look."""
        assert self._looked is not None
        since_s = view.at_s - self._looked.at_s
        if self._frames < self.stretch:
            return False
        if self._checks > 0 or any(face.doubtful for face in self._faces):
            return True
        if _crowded(self._faces) and self._frames >= 2:
            return True
        return self._scheduled(since_s) or self._attracted(moved, since_s)

    def _scheduled(self, since_s: float) -> bool:
        if self._cadence != "auto":
            return self._frames >= self._cadence * self.stretch
        if not self._faces:
            return since_s >= IDLE_S
        look_s = 0.0 if any(face.restless for face in self._faces) else LOOK_S
        rested = self._frames >= LOOK_FRAMES * self.stretch and since_s >= look_s * self.stretch
        return rested or since_s >= IDLE_S * self.stretch

    def _attracted(self, moved: Motion, since_s: float) -> bool:
        """Something moves, and the last look for that reason is long enough ago."""
        in_vain = self._vain >= IN_VAIN
        if moved.enters and not in_vain:
            return True
        pause_s = PAUSE_IN_VAIN_S if in_vain else PAUSE_S
        return moved.somewhere and since_s >= pause_s * self.stretch

    def _look_again(self, frame: Frame, view: Thumbnail, moved: Motion | None) -> list[Detection]:
        """Have the detector look, and go on from what it finds."""
        expected = len(self._faces) if moved is not None else 0
        found = self._look(frame)
        if len(found) < expected:
            self._checks = CHECKS
        else:
            self._checks = max(0, self._checks - 1) if len(found) == expected else 0
        if moved is not None and moved.somewhere:
            self._vain = self._vain + 1 if len(found) <= expected else 0
        elif moved is not None:
            self._vain = 0
        self._faces = [PropagatedFace(face, face) for face in found]
        self._looked, self._frames = view, 0
        return found

    def _look(self, frame: Frame) -> list[Detection]:
        self.looks += 1
        try:
            return (
                self._detector.detect(frame)
                if self.shrink == 1
                else detect_downscaled(self._detector, frame, self.shrink)
            )
        except Exception:
            self.forget()
            raise


def parse_cadence(text: str) -> Cadence:
    """`auto`, or a number of frames from 1 to `MAX_CADENCE`.

    Raises:
        WrongUseError: it is neither.
    """
    if text == "auto":
        return "auto"
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MAX_CADENCE:
        return int(text)
    raise WrongUseError(f"{text!r} is no cadence: expected auto, or a number of frames from 1 to {MAX_CADENCE}")


def _crowded(faces: Sequence[PropagatedFace]) -> bool:
    return any(iou(a.now.box, b.now.box) > CROWDED_IOU for a, b in combinations(faces, 2))
