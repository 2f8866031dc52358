"""What a face detector is, and which ones there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

from edge.errors import WrongUseError
from edge.inference.threads import Threads
from edge.system.registry import Registry
from edge.types import Detection, Frame


class FaceDetector(Protocol):
    """Finds faces in a frame: what `Recognizer` needs.

    Attributes:
        name: what reports call it.
        box_scale: side of its boxes as a multiple of BlazeFace's around the same face, so that the crops of every
            detector are framed alike; medians over FER-2013's Training faces, measured by
            tests/edge/detection/test_framing.py. Use 1.0 where it is unknown.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def box_scale(self) -> float: ...  # noqa: D102

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in the frame, most confident first, boxes in pixels of the frame."""
        ...


@runtime_checkable
class VideoDetector(FaceDetector, Protocol):
    """A detector that finds known faces again at less cost than it finds new ones."""

    def follow(self, frame: Frame, known: Sequence[Detection], motion: bool) -> list[Detection]:
        """Return all faces in the next frame of a video, most confident first.

        Args:
            frame: the frame; `position_s` orders it in the video.
            known: where the faces are about to be: those of the last frame, or propagated from there.
            motion: something else moves, and may be a new face.
        """
        ...

    def for_another_video(self) -> FaceDetector:
        """Return a detector with the same networks that knows nothing of the frames of this one."""
        ...


class Detector(FaceDetector, Protocol):
    """A detector that the command line can open by its name; a third-party class needs exactly these members.

    Attributes:
        name, box_scale: see `FaceDetector`; `name` is what the command line calls it.
        weights_suffix: file type of the weights that `NAME:FILE` takes, such as `.onnx`; empty for none.
        cost_depends_on_frame_size: smaller frames make it faster; load control then offers to downscale them.

    A class may also have a class method `weights_state() -> str`, which returns whether its default weights are
    `present`, `missing` or `damaged`, for `mien models list`.
    """

    weights_suffix: ClassVar[str]
    cost_depends_on_frame_size: ClassVar[bool]

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the detector.

        Args:
            weights: a weights file that the user named; None for the default one.
            threads: for the interpreter, where it has one.

        Raises:
            WeightsMissingError: its weights are not on this machine.
            DetectorError: it cannot run here.
        """
        ...


DETECTORS: Registry[Detector] = Registry(
    "mien.detectors",
    "detector",
    {
        "auto": "edge.detection.auto:AutoDetector",
        "blazeface": "edge.detection.blazeface:BlazeFace",
        "blazeface-short": "edge.detection.blazeface:BlazeFaceShort",
        "haar": "edge.detection.haar:HaarDetector",
        "yunet": "edge.detection.yunet:YuNet",
        "yunet-640": "edge.detection.yunet:YuNet640",
    },
)
DEFAULT_DETECTOR = "auto"


def open_detector(spec: str = DEFAULT_DETECTOR, threads: Threads = 1) -> Detector:
    """Open a detector by its name, or as `NAME:FILE` with weights from a file of the user's.

    Args:
        spec: such as `auto`, `yunet:FILE.onnx`, or the name that a plug-in registers.
        threads: for the interpreter.

    Raises:
        WrongUseError: there is no such detector, or it takes no weights file.
        WeightsMissingError: its weights are not on this machine.
        DetectorError: it cannot run here.
    """
    name, _, path = spec.partition(":")
    if name not in DETECTORS:
        raise WrongUseError(f"no detector {spec!r}: expected {detector_help()}")
    detector = DETECTORS.get(name)
    if path and not detector.weights_suffix:
        raise WrongUseError(f"no detector {spec!r}: {name} takes no weights file; expected {detector_help()}")
    return detector.open(Path(path) if path else None, threads)


def for_another_video(detector: FaceDetector) -> FaceDetector:
    """Return a detector for another camera that uses the same networks; the same one where it keeps no state."""
    return detector.for_another_video() if isinstance(detector, VideoDetector) else detector


def default_weights_state(name: str) -> str:
    """Return whether the default weights of a detector are on this machine.

    Args:
        name: a name in `DETECTORS`.

    Returns:
        `present`, `missing`, `damaged` or `not needed`; `unknown` for a plug-in that does not report it.

    Raises:
        WrongUseError: there is no such detector, or a plug-in cannot be imported.
    """
    detector = DETECTORS.get(name)
    state = getattr(detector, "weights_state", None)
    if state is not None:
        return str(state())
    return "unknown" if detector.weights_suffix else "not needed"


def detector_help() -> str:
    """Return which detectors there are, as a phrase for help and messages. Imports none of them."""
    return f"one of {', '.join(DETECTORS.names())}, yunet:FILE.onnx or blazeface:FILE.tflite"
