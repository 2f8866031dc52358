"""The default detector: passes at several scales, as many as the picture needs.

One network at one scale finds the faces of one range: what fills the picture, or what is far, or what is turned. A
photograph gets all passes. In a video, faces that are known are found again in a small part of the frame around each
of them, which costs a fraction of a pass over the whole; passes over the whole frame look for new faces from time to
time. docs/experiments/detectors.py measures what each pass adds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from edge.detection.alignment import roll_deg
from edge.detection.blazeface import BlazeFace, BlazeFaceShort
from edge.detection.detector_passes import PART_SIZE, BlazeFacePasses, DetectorPasses, YuNetPasses
from edge.detection.exposure import brighten
from edge.detection.region import Region
from edge.detection.suppression import without_duplicates
from edge.detection.yunet_network import YuNetNetwork
from edge.detection.yunet_weights import read_yunet, yunet_state
from edge.errors import DetectorError, WeightsMissingError
from edge.inference.threads import Threads
from edge.types import Detection, Frame

logger = logging.getLogger(__name__)

Image = npt.NDArray[np.uint8]

#: Images up to this many pixels wide and high show no face that the coarse pass misses for its size.
_COARSE_SIDE = 320
#: Larger photographs get the finest pass where nothing was found.
_FINEST_SIDE = 960
#: Size of the rotated image in which turned faces are searched for.
_TURNED_SIZE = 320
#: Side of the part around a known face, as a multiple of the longer side of its box.
_PART_FACTOR = 2.5
#: The part is rotated for faces with more roll than this, which undoes it.
_MIN_PART_ROLL_DEG = 25.0
#: More faces than this are found again by a pass over the whole frame, which then costs less.
_MAX_PARTS = 4
#: Seconds of video between fine passes while faces are known, and between coarse ones.
FINE_S, COARSE_S = 1.5, 0.3
#: Seconds of video between the extra passes (fine, rotated) while no face is known.
EXTRA_S = 0.5


class AutoDetector:
    """Finds faces near, far, rotated and in the dark: with YuNet where its weights are, else with BlazeFace.

    Args:
        passes: of the detector to use.
        warning: is logged when the detector runs for the first time; empty for none.
    """

    name: ClassVar[str] = "auto"
    weights_suffix: ClassVar[str] = ""
    cost_depends_on_frame_size: ClassVar[bool] = False

    def __init__(self, passes: DetectorPasses, warning: str = "") -> None:
        self._passes, self._warning = passes, warning
        self.box_scale = passes.box_scale
        self._fine_s = self._coarse_s = self._extra_s = -np.inf
        self._last_s = -np.inf
        #: How many extra passes there were: they take turns.
        self._extras = 0

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the detector with the weights on this machine.

        Raises:
            WeightsMissingError: there are neither YuNet's nor BlazeFace's.
            DetectorError: they are damaged.
        """
        del weights
        try:
            return cls(YuNetPasses(YuNetNetwork(read_yunet(), "yunet", threads)))
        except DetectorError as error:
            try:
                passes = BlazeFacePasses(BlazeFace.open(None, threads), BlazeFaceShort.open(None, threads))
            except WeightsMissingError as missing:
                # Its message names the file and the command.
                raise missing from error
            return cls(
                passes, f"{error}; until then BlazeFace is used, which misses more of the faces that are far away"
            )

    @classmethod
    def weights_state(cls) -> str:
        """Return whether the weights of YuNet, or else those of BlazeFace, are `present`, `missing` or `damaged`."""
        state = yunet_state()
        return BlazeFace.weights_state() if state == "missing" else state

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in a picture, most confident first: every pass that the picture needs."""
        self._warn()
        image, passes = brighten(frame.image), self._passes
        found = self._whole(image)
        if not found:
            found = without_duplicates(*(self._turned(image, roll) for roll in passes.rolls_deg))
        if not found and max(frame.size_wh) > _FINEST_SIDE:
            found = passes.finest(image)
        return found

    def follow(self, frame: Frame, known: Sequence[Detection], motion: bool) -> list[Detection]:
        """Return all faces in the next frame of a video, most confident first, at less cost than `detect`.

        Args:
            frame: the frame; `position_s` orders it in the video.
            known: where the faces are about to be: those of the last frame, or propagated from there.
            motion: something else moves: look at the whole frame.
        """
        self._warn()
        now_s = frame.position_s
        if not 0 <= now_s - self._last_s <= FINE_S:
            # Another video, or a pause.
            self._fine_s = self._coarse_s = self._extra_s = -np.inf
        self._last_s = now_s
        if not known:
            return self._search(frame.image, now_s)
        if now_s - self._fine_s >= FINE_S:
            self._fine_s = self._coarse_s = now_s
            whole = self._whole(brighten(frame.image))
        elif motion or now_s - self._coarse_s >= COARSE_S or len(known) > _MAX_PARTS:
            self._coarse_s = now_s
            whole = self._passes.coarse(brighten(frame.image))
        else:
            found = self._again(frame.image, known)
            if len(found) == len(known):
                return found
            whole = without_duplicates(self._passes.coarse(brighten(frame.image)), found)
        missed = [face for face in known if not any(_is_near(face, other) for other in whole)]
        found = without_duplicates(whole, self._again(frame.image, missed[:_MAX_PARTS]))
        if len(found) < len(known):
            # Look thoroughly in the next frame.
            self._fine_s = -np.inf
        return found

    def for_another_video(self) -> AutoDetector:
        """Return a detector with the same networks that knows nothing of the frames of this one."""
        # The warning is logged once.
        warning, self._warning = self._warning, ""
        return AutoDetector(self._passes, warning)

    def _warn(self) -> None:
        if self._warning:
            logger.warning("%s", self._warning)
            self._warning = ""

    def _search(self, image: Image, now_s: float) -> list[Detection]:
        """Look for a first face: a coarse pass, and from time to time one of the others, which take turns."""
        image = brighten(image)
        found = self._passes.coarse(image)
        if found or now_s - self._extra_s < EXTRA_S:
            return found
        self._extra_s = now_s
        self._extras += 1
        turn, is_rotated = divmod(self._extras, 2)
        if not is_rotated:
            return self._fine(image)
        rolls_deg = self._passes.rolls_deg
        return self._turned(image, rolls_deg[turn % len(rolls_deg)])

    def _whole(self, image: Image) -> list[Detection]:
        return without_duplicates(self._passes.coarse(image), self._fine(image))

    def _fine(self, image: Image) -> list[Detection]:
        return self._passes.fine(image) if max(image.shape[:2]) > _COARSE_SIDE else []

    def _turned(self, image: Image, roll: float) -> list[Detection]:
        region = Region.around((image.shape[1], image.shape[0]), roll)
        found = self._passes.turned(region.cut(image, _TURNED_SIZE))
        return [region.place(face, _TURNED_SIZE) for face in found]

    def _again(self, image: Image, known: Sequence[Detection]) -> list[Detection]:
        """Return those of the known faces that a pass over the part around each of them finds."""
        found = []
        for face in known:
            x, y, w, h = face.box
            roll = roll_deg(face)
            region = Region(
                (x + w / 2, y + h / 2), _PART_FACTOR * max(w, h), roll if abs(roll) > _MIN_PART_ROLL_DEG else 0.0
            )
            part = brighten(region.cut(image, PART_SIZE))
            inside = [region.place(candidate, PART_SIZE) for candidate in self._passes.part(part)]
            near = [candidate for candidate in inside if _is_near(face, candidate)]
            if near:
                found.append(max(near, key=lambda candidate: candidate.confidence))
        return without_duplicates(found)


def _is_near(a: Detection, b: Detection) -> bool:
    """Return whether two detections may be one face that moved: their centers are closer than half a box."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.box, b.box
    reach = max(aw, ah, bw, bh) / 2
    return abs(ax + aw / 2 - bx - bw / 2) < reach and abs(ay + ah / 2 - by - bh / 2) < reach
