"""The values that the stages of the loop hand to each other: frames, detections, faces, tracks, events."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

#: x, y, width, height in pixels of the source frame, origin top left. May reach beyond the frame.
Box = tuple[float, float, float, float]
#: `(n,)` float32 probabilities, one per label; they sum to 1.
Scores = npt.NDArray[np.float32]
State = Literal["started", "changed", "ended", "frame"]
SourceState = Literal["online", "stalled", "offline"]
SOURCE_STATES: tuple[SourceState, ...] = get_args(SourceState)
#: The class id and the label that stand for "no expression is likely enough to report".
UNCERTAIN, UNCERTAIN_LABEL = -1, "uncertain"


@dataclass
class Frame:
    """One image from a source.

    Attributes:
        image: `(h, w, 3)` uint8 BGR, or `(h, w)` uint8 gray where the source has no color.
        index: 0-based position in the source; skipped and unreadable frames count.
        timestamp_s: monotonic time of the exposure where the camera reports it, otherwise of the arrival; for
            files, of the start of the read.
        position_s: seconds into the source: media time for clips, time since opening for cameras.
        capture_ms: time from `timestamp_s` until the image was available.
        scale: width of the full image divided by the width of this one; above 1 where a camera was asked for a
            smaller image to save time. Tracks and events are in pixels of the full image.

    Raises:
        ValueError: the image has another shape or dtype.
    """

    image: npt.NDArray[np.uint8]
    index: int = 0
    timestamp_s: float = field(default_factory=time.monotonic)
    position_s: float = 0.0
    capture_ms: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        shape = self.image.shape
        if self.image.dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
            raise ValueError(f"expected (h, w) or (h, w, 3) uint8. Received: shape={shape}, dtype={self.image.dtype}")

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def full_wh(self) -> tuple[int, int]:
        """Width and height of the full image in pixels."""
        return round(self.image.shape[1] * self.scale), round(self.image.shape[0] * self.scale)

    @cached_property
    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """`(h, w, 3)` uint8 BGR; a gray image is repeated three times."""
        if self.image.ndim == 3:
            return self.image
        return cv2.cvtColor(self.image, cv2.COLOR_GRAY2BGR)  # type: ignore[no-any-return]

    @cached_property
    def image_gray(self) -> npt.NDArray[np.uint8]:
        """`(h, w)` uint8."""
        if self.image.ndim == 2:
            return self.image
        return cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY)  # type: ignore[no-any-return]


def scaled_box(box: Box, x_factor: float, y_factor: float) -> Box:
    """Return the box in an image whose width and height are multiplied by these factors."""
    x, y, w, h = box
    return x * x_factor, y * y_factor, w * x_factor, h * y_factor


@dataclass(frozen=True)
class Detection:
    """One face that a detector found.

    Attributes:
        box: where it is.
        confidence: the detector's, 0..1.
        key_points: `(k, 2)` float32, x and y in pixels of the frame, in the detector's own order; or None.
    """

    box: Box
    confidence: float
    key_points: npt.NDArray[np.float32] | None = None

    def scaled(self, x_factor: float, y_factor: float) -> Detection:
        """Return the same face in an image whose width and height are multiplied by these factors."""
        points = self.key_points
        if points is not None:
            points = points * np.array([x_factor, y_factor], np.float32)
        return Detection(scaled_box(self.box, x_factor, y_factor), self.confidence, points)


@dataclass(frozen=True)
class Face:
    """One face with its expression.

    Attributes:
        box: where it is, in pixels of the image.
        confidence: the detector's, 0..1.
        key_points: `(k, 2)` float32, x and y in pixels of the image, in the detector's own order; or None.
        scores: `(n,)` float32, the classifier's probabilities in the order of `labels`.
        labels: class names.
    """

    box: Box
    confidence: float
    key_points: npt.NDArray[np.float32] | None
    scores: Scores
    labels: tuple[str, ...]

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.labels[int(self.scores.argmax())]

    @property
    def score(self) -> float:
        """The probability of `emotion`, 0..1."""
        return float(self.scores.max())

    @property
    def emotions(self) -> dict[str, float]:
        """Label to probability."""
        return {label: float(score) for label, score in zip(self.labels, self.scores, strict=True)}

    def scaled(self, factor: float) -> Face:
        """Return the same face in an image whose width and height are multiplied by this factor."""
        if factor == 1:
            return self
        points = None if self.key_points is None else self.key_points * np.float32(factor)
        return replace(self, box=scaled_box(self.box, factor, factor), key_points=points)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the box is rounded to whole pixels."""
        return {
            "box": [round(v) for v in self.box],
            "confidence": self.confidence,
            "emotion": self.emotion,
            "score": self.score,
            "emotions": self.emotions,
        }


@dataclass
class Track:
    """One face over time.

    Attributes:
        track_id: counts up from 1 and is never reused.
        box: where the face was last seen.
        confidence: the detector's, when the face was last seen.
        scores: `(n,)` float32, the classifier's when the face was last seen.
        smoothed: `(n,)` float32, running average of the scores; sums to 1.
        seen_s: when it was last seen, in the source's time.
        since_s: when it was first seen.
        velocity: of the box's center, in pixels per second.
        places: when the face was seen last, and the x and y of the box's center then: what the velocity is fitted to.
        class_id: the expression that was last reported, `UNCERTAIN`, or None before the first report.
        candidate: the expression that leads over the reported one, and since when; None where none does.
        counted_s: up to when `expression_s` is counted.
        expression_s: reported expression to the seconds that it lasted.
    """

    track_id: int
    box: Box
    confidence: float
    scores: Scores
    smoothed: Scores
    seen_s: float
    since_s: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    places: deque[tuple[float, float, float]] = field(default_factory=deque)
    class_id: int | None = None
    candidate: tuple[int, float] | None = None
    counted_s: float = 0.0
    expression_s: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracks:
    """The result of one step of the tracker.

    Attributes:
        seen: tracks of the faces in this frame, in the order of the faces.
        ended: tracks that ended with this frame.
    """

    seen: list[Track]
    ended: list[Track]


@dataclass(frozen=True)
class Presence:
    """How long a face was present, and which expressions it showed: the field `dwell` of an `ended` event.

    Attributes:
        seconds: from when it was first seen to when it was last seen.
        shares: reported expression, `uncertain` included, to its share of that time; they sum to 1.
    """

    seconds: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Event:
    """A face that came, changed or left, or a face in a frame: one JSON object per line.

    Attributes:
        source: name of the source.
        frame: index of the frame in the source.
        track_id: the face's number.
        box: in pixels of the full image.
        confidence: the detector's, 0..1.
        emotion: one of the model's labels, or `uncertain` where no score is high enough.
        score: the probability of `emotion`; where it is `uncertain`, the highest one.
        emotions: label to probability.
        state: `started`, `changed`, `ended`, or `frame`.
        latency_ms: stage to milliseconds, `total` included.
        model: identity of the model, such as `mien-small-int8@3`.
        time: when the event was made.
        dwell: only with `ended`.
    """

    source: str
    frame: int
    track_id: int
    box: Box
    confidence: float
    emotion: str
    score: float
    emotions: dict[str, float]
    state: State
    latency_ms: dict[str, float]
    model: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    dwell: Presence | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, keys in the order of the contract; the box is rounded to whole pixels."""
        dwell = {} if self.dwell is None else {"dwell": asdict(self.dwell)}
        return {
            "time": utc_text(self.time),
            "source": self.source,
            "frame": self.frame,
            "track_id": self.track_id,
            "box": [round(v) for v in self.box],
            "confidence": self.confidence,
            "emotion": self.emotion,
            "score": self.score,
            "emotions": self.emotions,
            "state": self.state,
            "latency_ms": self.latency_ms,
            "model": self.model,
            **dwell,
        }


@dataclass(frozen=True)
class SourceEvent:
    """A source came online, stalled, or went offline.

    Attributes:
        source: its name.
        state: `online`: frames arrive; `stalled`: none has arrived for too long, or all are identical; `offline`:
            it cannot be opened, or has ended.
        reason: why, in one line; empty for `online`.
        time: when the event was made.
    """

    source: str
    state: SourceState
    reason: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"time": utc_text(self.time), "source": self.source, "state": self.state, "reason": self.reason}


@dataclass(frozen=True)
class Aggregate:
    """What many faces showed over a period, for places where single faces must not be reported.

    Attributes:
        source: its name.
        seconds: length of the period.
        faces: number of different faces.
        shares: expression, `uncertain` included, to its share of the time that faces were seen; they sum to 1.
        model: identity of the model.
        time: when the aggregate was made.
    """

    source: str
    seconds: float
    faces: int
    shares: dict[str, float]
    model: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"time": utc_text(self.time), **{key: value for key, value in asdict(self).items() if key != "time"}}


#: What a sink receives.
Message = Event | SourceEvent | Aggregate


@dataclass(frozen=True)
class FrameReport:
    """Statistics of one frame, for metrics and the preview.

    Attributes:
        source: name of the source.
        frame: index of the frame in the source.
        faces: number of faces; None where it must not be reported.
        dropped: frames that the source had and nobody processed, since the last report.
        latency_ms: stage to milliseconds, `total` included.
    """

    source: str
    frame: int
    faces: int | None
    dropped: int
    latency_ms: dict[str, float]


def utc_text(time: datetime) -> str:
    """ISO 8601, in UTC, to the millisecond."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
