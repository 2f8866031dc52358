"""The settings of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from edge.capture import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S
from edge.detection import DEFAULT_DETECTOR
from edge.events import MIN_FACES, MIN_HOLD_S, UNCERTAIN_BELOW, Emit
from edge.inference import DEFAULT_MODEL, DEFAULT_PRIOR, Threads
from edge.tracking import DetectionInterval

DEFAULT_SINKS = ("console",)


@dataclass(frozen=True)
class CameraOptions:
    """What each of several cameras may have for itself: options of `mien run` by their names; times are in seconds."""

    source: str = "demo"
    detector: str = DEFAULT_DETECTOR
    cadence: DetectionInterval | None = None
    sink: tuple[str, ...] = DEFAULT_SINKS
    emit: Emit = "change"
    stall_timeout: float = STALL_TIMEOUT_S
    freeze_timeout: float = FREEZE_TIMEOUT_S
    wait_for_source: bool = False
    min_hold: float = MIN_HOLD_S
    uncertain_below: float = UNCERTAIN_BELOW
    prior: tuple[str, ...] = (DEFAULT_PRIOR,)
    aggregate: float | None = None
    min_faces: int = MIN_FACES
    debug_frames: Path | None = None
    record: Path | None = None


#: Their names.
CAMERA_OPTIONS = tuple(field.name for field in fields(CameraOptions))


@dataclass(frozen=True)
class CameraSettings(CameraOptions):
    """The settings of one camera.

    Attributes:
        name: of the camera in events, metrics and the preview; empty for the name of the source.
        has_own_sinks: `sink` was given for this camera alone.
    """

    name: str = ""
    has_own_sinks: bool = False


@dataclass(frozen=True)
class RunSettings(CameraOptions):
    """The options of `mien run` by their names; times are in seconds.

    Attributes:
        named_cameras: those of the configuration's tables `[[camera]]`; none for one camera, which the other settings
            describe.
    """

    model: str = DEFAULT_MODEL
    target_fps: float | None = None
    max_cpu: float | None = None
    threads: Threads = 1
    max_frames: int | None = None
    report: Path | None = None
    preview: str | None = None
    preview_token_file: Path | None = None
    named_cameras: tuple[CameraSettings, ...] = ()

    @property
    def cameras(self) -> tuple[CameraSettings, ...]:
        """All cameras of the run."""
        if self.named_cameras:
            return self.named_cameras
        return (CameraSettings(**{name: getattr(self, name) for name in CAMERA_OPTIONS}),)
