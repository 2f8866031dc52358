"""The core of mien: detector, face alignment, classifier and prior correction in one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from edge.annotation import draw_faces
from edge.detection import DEFAULT_DETECTOR, FaceDetector, align_face, open_detector
from edge.inference import (
    DEFAULT_MODEL,
    DEFAULT_PRIOR,
    Classifier,
    ExpressionClassifier,
    ScoreCorrection,
    Threads,
    find_model,
    open_correction,
)
from edge.types import Detection, Face, Frame, Scores


class StageTimer(Protocol):
    """Measures how long the stages take, such as `edge.pipeline.RunStatistics`."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time the block as the stage `detect` or `classify`."""
        ...


class _NoTimer:
    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        yield


class Recognizer:
    """Finds faces in images and names the expression on each.

    A context manager, so that it reads like other objects that hold native resources; they are released at the
    end of the block, or with the object.

    Args:
        model: name of a shipped model, path of a `.tflite` with a card, or an object that classifies faces.
        detector: name of a detector (`blazeface`, `yunet:FILE.onnx`, ...), or an object that detects faces.
        threads: of each interpreter; `auto` measures for a second which number is the fastest here.
        prior: the place where the recognizer is used. `room`: before a camera, where most faces are at rest; `none`:
            the network's own scores; `fer2013`: the frequencies of its training data; `auto`: `room` for a model whose
            card has a score calibration, as those of the shipped models have, otherwise `none`. Or the frequencies
            themselves: label to share, or texts such as `neutral=0.6`; labels that are not named share the rest.

    Attributes:
        detector: the detector.
        classifier: the classifier.
        corrects: whether the prior changes the scores of the classifier.
        labels: class names in the order of the scores.
        model: identity of the model, such as `mien-small-int8@3`.

    Raises:
        ModelError: the model is missing, damaged, or breaks the contract.
        WeightsMissingError: the detector's weights are not on this machine: run `mien models pull`.
        WrongUseError: there is no such detector, or the prior is not valid for this model (`room` needs a score
            calibration in its card).
    """

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: str | FaceDetector = DEFAULT_DETECTOR,
        threads: Threads = 1,
        prior: str | Mapping[str, float] | Sequence[str] = DEFAULT_PRIOR,
    ) -> None:
        self.classifier: ExpressionClassifier = (
            Classifier(find_model(str(model)), threads) if isinstance(model, (str, Path)) else model
        )
        self.detector: FaceDetector = open_detector(detector, threads) if isinstance(detector, str) else detector
        self.labels: tuple[str, ...] = self.classifier.labels
        self.model: str = self.classifier.identity
        # What a classifier of another make need not have.
        calibration, card = getattr(self.classifier, "score_calibration", None), getattr(self.classifier, "card", None)
        adjustment = {} if card is None else card.score_adjustment.get("shifts", {})
        self._correction: ScoreCorrection | None = open_correction(
            _texts(prior), self.labels, calibration, adjustment, self.model
        )
        #: How much wider than this detector's boxes this classifier's crops are, as a fraction of the box.
        self._margin = (1 + self.classifier.crop_margin) / self.detector.box_scale - 1

    def with_detector(self, detector: FaceDetector) -> Recognizer:
        """Return a recognizer with another detector and the same classifier and prior correction."""
        other = Recognizer(self.classifier, detector=detector, prior="none")
        other._correction = self._correction
        return other

    def with_prior(self, prior: str | Mapping[str, float] | Sequence[str]) -> Recognizer:
        """Return a recognizer with another prior and the same detector and classifier.

        Raises:
            WrongUseError: the prior is not valid for this model.
        """
        return Recognizer(self.classifier, detector=self.detector, prior=prior)

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Find the faces in an image and name the expression on each.

        Args:
            image: `(h, w, 3)` uint8 BGR, as OpenCV reads it, or `(h, w)` uint8 gray.

        Returns:
            The faces, most confidently detected first; boxes in pixels of the image.

        Raises:
            ValueError: the image has another shape or dtype.
        """
        return self.read(Frame(image))

    def read(self, frame: Frame, timer: StageTimer | None = None) -> list[Face]:
        """Find the faces in a frame and name the expression on each.

        Args:
            frame: what a source gives; its `scale` is not applied.
            timer: measures the stages `detect` and `classify`.
        """
        timer = timer or _NoTimer()
        with timer.stage("detect"):
            detections = self.detector.detect(frame)
        with timer.stage("classify"):
            return [self.classify_detection(frame.image, detection) for detection in detections]

    def classify_detection(self, image: npt.NDArray[np.uint8], detection: Detection) -> Face:
        """Name the expression on a face that was already found.

        Args:
            image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray.
            detection: the face, in pixels of the image; its box framed as `detector` frames it.
        """
        crop = align_face(image, detection, self._margin, self.classifier.size)
        scores = self.scores(crop)
        return Face(detection.box, detection.confidence, detection.key_points, scores, self.labels)

    def classify(self, face_gray: npt.NDArray[np.uint8]) -> dict[str, float]:
        """Name the expression on a face that was already cut out: the classifier alone.

        Args:
            face_gray: `(h, w)` uint8 gray, any size, framed as in FER-2013 (the face fills the image).

        Returns:
            Label to probability, corrected for the prior; the probabilities sum to 1.
        """
        return {label: float(score) for label, score in zip(self.labels, self.scores(face_gray), strict=True)}

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> Scores:
        """Return what `classify` returns as `(n,)` float32, in the order of `labels`.

        Raises:
            ValueError: the network's output is not finite.
        """
        scores = self.classifier.scores(face_gray)
        if not np.isfinite(scores).all():
            raise ValueError(f"{self.model} returns scores that are not finite numbers")
        return self.correct(scores)

    def correct(self, scores: Scores) -> Scores:
        """Return the network's own scores `(n,)` float32 corrected for the prior."""
        return scores if self._correction is None else self._correction(scores)

    @property
    def corrects(self) -> bool:  # noqa: D102
        return self._correction is not None

    def annotate(self, image: npt.NDArray[np.uint8], faces: Sequence[Face]) -> npt.NDArray[np.uint8]:
        """Draw a box and the expression of each face.

        Args:
            image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray; it is not changed.
            faces: as this object returns them for the image.

        Returns:
            `(h, w, 3)` uint8 BGR, a copy.
        """
        return draw_faces(image, ((face.box, f"{face.emotion} {face.score:.0%}") for face in faces))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release what the detector holds, where it has a `close` method."""
        close = getattr(self.detector, "close", None)
        if close is not None:
            close()


def _texts(prior: str | Mapping[str, float] | Sequence[str]) -> Sequence[str]:
    if isinstance(prior, str):
        return (prior,)
    return [f"{label}={share!r}" for label, share in prior.items()] if isinstance(prior, Mapping) else prior
