"""The whole chain on photographs: each is read, and its faces are detected, once for all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge.benchmark.passes import Progress
from edge.benchmark.photographs import Photograph
from edge.detection import FaceDetector
from edge.errors import MienError
from edge.images import read_image
from edge.recognizer import Recognizer
from edge.types import Detection, Frame


@dataclass
class ChainReadings:
    """What the chain read in photographs.

    Attributes:
        photographs: those that could be read, in their order.
        faces: number of detected faces in each of them.
        scores: name of a model to the scores of the largest face of each photograph in which a face was found, each
            `(n_classes,)` float32, in the order of the photographs.
        unreadable: name of a photograph that could not be read, to the reason, which begins with the name.
        errors: name of a model that failed, to the reason.
        partial: whether Ctrl-C ended it before the last photograph.
    """

    photographs: list[Photograph] = field(default_factory=list)
    faces: list[int] = field(default_factory=list)
    scores: dict[str, list[npt.NDArray[np.float32]]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    partial: bool = False

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """`(n,)` bool, whether a face was found in each photograph."""
        return np.array(self.faces, np.int64) > 0


def read_photographs(
    photographs: Sequence[Photograph],
    detector: FaceDetector,
    recognizers: Mapping[str, Recognizer],
    progress: Progress,
) -> ChainReadings:
    """Run the chain. Ctrl-C ends it; the readings are then those until there.

    Args:
        photographs: the photographs.
        detector: finds their faces.
        recognizers: name to a recognizer of each model, without a prior, that frames faces as `detector` does.
        progress: called with the current task, and its finished and all steps.
    """
    readings = ChainReadings(scores={name: [] for name in recognizers})
    try:
        for i, photograph in enumerate(photographs):
            progress("reading the photographs", i, len(photographs))
            _read(photograph, detector, recognizers, readings)
    except KeyboardInterrupt:
        readings.partial = True
        # It may have come between two of the lines that append.
        readings.photographs = readings.photographs[: len(readings.faces)]
        n_found = int(readings.found.sum())
        for name, scores in readings.scores.items():
            readings.scores[name] = scores[:n_found]
    return readings


def largest_face(detections: Sequence[Detection]) -> Detection:
    """Return the face with the largest box: the label of a photograph is that of the person nearest to the camera."""
    return max(detections, key=lambda face: face.box[2] * face.box[3])


def _read(
    photograph: Photograph, detector: FaceDetector, recognizers: Mapping[str, Recognizer], readings: ChainReadings
) -> None:
    try:
        image = read_image(photograph.path)
        detections = detector.detect(Frame(image))
    except MienError as error:
        # Without the folder: results are shown to others.
        readings.unreadable[photograph.name] = str(error).replace(str(photograph.path), photograph.name)
        return
    if detections:
        face = largest_face(detections)
        for name, recognizer in recognizers.items():
            if name in readings.errors:
                continue
            try:
                readings.scores[name].append(recognizer.classify_detection(image, face).scores)
            except (MienError, ValueError) as error:
                readings.errors[name] = str(error)
    readings.photographs.append(photograph)
    readings.faces.append(len(detections))
