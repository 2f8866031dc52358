"""Detection scheduling: in which frames the detector runs, and where the faces are in the frames between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from edge.boxes import iou
from edge.detection import FaceDetector, VideoDetector
from edge.detection.downscaling import detect_downscaled
from edge.errors import WrongUseError
from edge.tracking.motion import Motion, motion
from edge.tracking.optical_flow import follow
from edge.tracking.propagation import PropagatedFace
from edge.tracking.thumbnail import Thumbnail, thumbnail
from edge.types import Detection, Frame

#: The detection interval: the detector runs in every Nth frame, or as the scene requires.
DetectionInterval = int | Literal["auto"]
MAX_INTERVAL = 1000

# The constants below are for "auto"; docs/experiments/detection_interval.py measured them.
#: The detector runs again for known faces after this time and this number of frames; below 16 frames per second the
#: frames decide. For a face with unsteady motion the frames alone decide: with 0.25 s between all runs, the talking
#: head's expressions differ.
RUN_S, RUN_FRAMES = 0.25, 4
#: With no face and no motion, one detector run per second finds what entered slowly.
IDLE_S = 1.0
#: With no face and no motion, thumbnails for motion detection are taken this far apart: every third of 30 frames
#: per second.
THUMBNAIL_S = 0.09
#: Minimum time between detector runs that motion outside of the known faces causes. The second value holds after
#: several runs found no new face (a tree in the wind): a face that enters is still found within 300 ms.
MOTION_PAUSE_S, FRUITLESS_PAUSE_S = 0.1, 0.2
#: Number of consecutive fruitless motion runs after which the longer pause holds.
MAX_FRUITLESS = 3
#: After the detector lost a face it also runs in this many of the following frames: the face may have blinked.
RETRIES = 2
#: Two faces whose boxes overlap by this may be confused with each other: the detector runs in every other frame.
CROWDED_IOU = 0.05


class DetectionScheduler:
    """A detector that does not run in every frame; in between, optical flow propagates the faces.

    With the interval `auto` the detector runs on schedule; when a face cannot be followed reliably; on motion outside
    of the known faces; and at once where something moves at the edge of the image or the scene changes.

    Args:
        detector: the detector to run.
        interval: how often it runs.

    Attributes:
        name, box_scale: those of the detector.
        runs: number of detector runs so far.
    """

    def __init__(self, detector: FaceDetector, interval: DetectionInterval = "auto") -> None:
        self.name, self.box_scale = detector.name, detector.box_scale
        self._detector, self._interval = detector, interval
        self.runs = 0
        self._interval_factor = self._downscale = 1
        self._faces: list[PropagatedFace]
        #: The last thumbnail, and that of the last detector run.
        self._last: Thumbnail | None
        self._last_run: Thumbnail | None
        #: Frames since the last run; runs still to do for a face that was lost; consecutive fruitless motion runs.
        self._frames: int
        self._retries: int
        self._fruitless: int
        #: There was no motion outside of the known faces in the last thumbnail.
        self._still: bool
        self.reset()

    def set_load(self, interval_factor: int, downscale: int) -> None:
        """Make detection cheaper, or as expensive as asked for with 1 and 1.

        Args:
            interval_factor: detector runs are this many times further apart than the interval has them.
            downscale: the detector gets frames whose width and height are divided by this.
        """
        self._interval_factor, self._downscale = interval_factor, downscale

    def detect(self, frame: Frame) -> list[Detection]:
        """Return the faces in the frame, detected or propagated, most confident first.

        An exception of the detector is raised again, and nothing is propagated beyond it.
        """
        if self._interval == 1 and self._interval_factor == 1:
            known = [face.now for face in self._faces]
            self.reset()
            detections = self._run_detector(frame, known, motion=False)
            self._faces = [PropagatedFace(face, face) for face in detections]
            return detections
        if self._is_idle(frame):
            self._frames += 1
            return []
        view = thumbnail(frame)
        moved = self._propagate(view)
        self._last = view
        self._frames += 1
        self._still = moved is not None and not moved.anywhere
        if moved is not None and not self._is_due(view, moved):
            return [face.now for face in self._faces]
        return self._detect_again(frame, view, moved)

    def reset(self) -> None:
        """Discard all faces and run the detector in the next frame: the source may show another scene by then."""
        self._faces, self._last, self._last_run = [], None, None
        self._frames = self._retries = self._fruitless = 0
        self._still = False

    def _is_idle(self, frame: Frame) -> bool:
        """There is no face, there was no motion a moment ago, and it is too early for another thumbnail."""
        if self._interval != "auto" or self._faces or self._retries or not self._still or self._last is None:
            return False
        return 0 <= frame.position_s - self._last.position_s < THUMBNAIL_S

    def _propagate(self, view: Thumbnail) -> Motion | None:
        """Move the faces by optical flow; return other motion, or None if earlier frames are of no use for this one."""
        last, last_run = self._last, self._last_run
        if last is None or last_run is None or (last.image.shape, last.scale) != (view.image.shape, view.scale):
            return None
        # After a pause anything may have happened, and time that runs backwards means another clip.
        if not 0 <= view.position_s - last.position_s <= IDLE_S:
            return None
        if motion(last.cells, view.cells, (), view.size_wh).is_cut:
            return None
        moves = follow(last.image, view.image, [view.box(face.now.box) for face in self._faces])
        self._faces = [face.moved(move, view) for face, move in zip(self._faces, moves, strict=True)]
        known = [view.box(box) for face in self._faces for box in (face.detected.box, face.now.box)]
        return motion(last_run.cells, view.cells, known, view.size_wh)

    def _is_due(self, view: Thumbnail, moved: Motion) -> bool:
        """Return whether the detector should run."""
        assert self._last_run is not None
        since_s = view.position_s - self._last_run.position_s
        if self._frames < self._interval_factor:
            return False
        if self._retries > 0 or any(face.unreliable for face in self._faces):
            return True
        if _crowded(self._faces) and self._frames >= 2:
            return True
        return self._is_scheduled(since_s) or self._is_motion_due(moved, since_s)

    def _is_scheduled(self, since_s: float) -> bool:
        if self._interval != "auto":
            return self._frames >= self._interval * self._interval_factor
        if not self._faces:
            return since_s >= IDLE_S
        run_s = 0.0 if any(face.unsteady for face in self._faces) else RUN_S
        due = self._frames >= RUN_FRAMES * self._interval_factor and since_s >= run_s * self._interval_factor
        return due or since_s >= IDLE_S * self._interval_factor

    def _is_motion_due(self, moved: Motion, since_s: float) -> bool:
        """Return whether there is motion, and the last detector run is long enough ago."""
        fruitless = self._fruitless >= MAX_FRUITLESS
        if moved.at_edge and not fruitless:
            return True
        pause_s = FRUITLESS_PAUSE_S if fruitless else MOTION_PAUSE_S
        return moved.anywhere and since_s >= pause_s * self._interval_factor

    def _detect_again(self, frame: Frame, view: Thumbnail, moved: Motion | None) -> list[Detection]:
        """Run the detector and continue from its result."""
        known = [face.now for face in self._faces] if moved is not None else []
        expected = len(known)
        motion = self._retries > 0 or (moved is not None and moved.anywhere)
        detections = self._run_detector(frame, known, motion)
        if len(detections) < expected:
            self._retries = RETRIES
        else:
            self._retries = max(0, self._retries - 1) if len(detections) == expected else 0
        if moved is not None and moved.anywhere:
            self._fruitless = self._fruitless + 1 if len(detections) <= expected else 0
        elif moved is not None:
            self._fruitless = 0
        self._faces = [PropagatedFace(face, face) for face in detections]
        self._last_run, self._frames = view, 0
        return detections

    def _run_detector(self, frame: Frame, known: Sequence[Detection], motion: bool) -> list[Detection]:
        self.runs += 1
        try:
            if self._downscale != 1:
                return detect_downscaled(self._detector, frame, self._downscale)
            if isinstance(self._detector, VideoDetector):
                return self._detector.follow(frame, known, motion)
            return self._detector.detect(frame)
        except Exception:
            self.reset()
            raise


def parse_interval(text: str) -> DetectionInterval:
    """Parse `auto`, or a number of frames from 1 to `MAX_INTERVAL`.

    Raises:
        WrongUseError: it is neither.
    """
    if text == "auto":
        return "auto"
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MAX_INTERVAL:
        return int(text)
    raise WrongUseError(
        f"{text!r} is not a detection interval: expected auto, or a number of frames from 1 to {MAX_INTERVAL}"
    )


def _crowded(faces: Sequence[PropagatedFace]) -> bool:
    return any(iou(a.now.box, b.now.box) > CROWDED_IOU for a, b in combinations(faces, 2))
