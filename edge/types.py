"""The currency of the loop: what each step hands to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

#: x, y, width, height in pixels of the source frame, origin top left. May reach beyond the frame.
Box = tuple[float, float, float, float]
State = Literal["started", "changed", "ended", "frame"]
SourceState = Literal["online", "stalled", "offline"]
SOURCE_STATES: tuple[SourceState, ...] = get_args(SourceState)
#: In the place of a class id, and of its label: no expression is likely enough to be told.
UNCERTAIN, UNCERTAIN_LABEL = -1, "uncertain"


@dataclass
class Frame:
    """One picture from a source.

    Attributes:
        image: `(h, w, 3)` uint8 BGR, or `(h, w)` uint8 grey where the source has no colour to give.
        index: 0-based position in the source; skipped and unreadable frames count.
        timestamp_s: monotonic time of the exposure where the camera tells it, else of the arrival; for files,
            of the beginning of the read.
        position_s: seconds into the source: media time for clips, time since opening for cameras.
        capture_ms: from `timestamp_s` until the picture was there.
        scale: how many times as wide and high a picture in full is; more than 1 where a camera was asked for a smaller
            one to save time. Tracks and events are in pixels of the picture in full.
    """

    image: npt.NDArray[np.uint8]
    index: int
    timestamp_s: float
    position_s: float
    capture_ms: float
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
        """Width and height in pixels of the picture in full."""
        return round(self.image.shape[1] * self.scale), round(self.image.shape[0] * self.scale)

    @cached_property
    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """`(h, w, 3)` uint8; a grey source's picture repeated three times."""
        if self.image.ndim == 3:
            return self.image
        return cv2.cvtColor(self.image, cv2.COLOR_GRAY2BGR)  # type: ignore[no-any-return]

    @cached_property
    def image_gray(self) -> npt.NDArray[np.uint8]:
        """`(h, w)` uint8."""
        if self.image.ndim == 2:
            return self.image
        return cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Detection:
    """One face that a detector found.

    Attributes:
        box: where.
        confidence: the detector's, 0..1.
        key_points: `(k, 2)` float32, x and y in pixels of the frame, in the detector's own order; or None.
    """

    box: Box
    confidence: float
    key_points: npt.NDArray[np.float32] | None = None

    def scaled(self, across: float, down: float) -> Detection:
        """The same face in a picture that is so many times as wide and high."""
        x, y, w, h = self.box
        points = self.key_points
        if points is not None:
            points = points * np.array([across, down], np.float32)
        return Detection((x * across, y * down, w * across, h * down), self.confidence, points)


@dataclass
class Track:
    """One face over time.

    Attributes:
        track_id: counts up from 1, never used twice.
        box: where it was seen last.
        confidence: the detector's, when it was seen last.
        scores: `(n,)` float32, the classifier's at the last sight.
        smoothed: `(n,)` float32, running average of the scores; sums to 1.
        seen_s: last sight, in the source's time.
        since_s: first sight.
        velocity: of the box's centre, in pixels a second.
        class_id: the expression that was last announced, `UNCERTAIN`, or None before the first.
        candidate: the expression that leads over the announced one, and since when; None where none does.
        counted_s: up to when `dwell_s` is counted.
        dwell_s: announced expression to the seconds that it has lasted.
    """

    track_id: int
    box: Box
    confidence: float
    scores: npt.NDArray[np.float32]
    smoothed: npt.NDArray[np.float32]
    seen_s: float
    since_s: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    class_id: int | None = None
    candidate: tuple[int, float] | None = None
    counted_s: float = 0.0
    dwell_s: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Dwell:
    """How long a face was there, and what it showed.

    Attributes:
        seconds: from its first sight to its last.
        shares: announced expression, `uncertain` among them, to its share of that time; in sum 1.
    """

    seconds: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Event:
    """Something worth telling: one JSON object a line.

    Attributes:
        emotion: one of the model's labels, or `uncertain` where no score is high enough to be told.
        score: the highest of `emotions`, or that of the announced one.
        dwell: with `ended` alone.
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
    dwell: Dwell | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain values, keys in the order of the contract. The box is rounded to whole pixels."""
        dwell = {} if self.dwell is None else {"dwell": asdict(self.dwell)}
        return {
            "time": _text(self.time),
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
    """A source has come, stands still, or is gone.

    Attributes:
        source: its name.
        state: `online`: frames arrive; `stalled`: none has for too long, or all are the same; `offline`: it cannot be
            opened, or has ended.
        reason: why, in one line; empty for `online`.
    """

    source: str
    state: SourceState
    reason: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"time": _text(self.time), "source": self.source, "state": self.state, "reason": self.reason}


@dataclass(frozen=True)
class Aggregate:
    """What many faces showed over a while: all that is told where single faces are nobody's business.

    Attributes:
        source: its name.
        seconds: over how long.
        faces: how many different ones were there.
        shares: expression, `uncertain` among them, to its share of the time that faces were seen; in sum 1.
        model: identity of the model.
    """

    source: str
    seconds: float
    faces: int
    shares: dict[str, float]
    model: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"time": _text(self.time), **{key: value for key, value in asdict(self).items() if key != "time"}}


#: What a sink is given.
Message = Event | SourceEvent | Aggregate


@dataclass(frozen=True)
class FrameReport:
    """What one frame took: for metrics and the preview.

    Attributes:
        source: name of the source.
        frame: the frame's number in it.
        faces: how many were found; None where that is not told.
        dropped: frames that the source had and nobody processed, since the last report.
        latency_ms: stage to milliseconds, `total` among them.
    """

    source: str
    frame: int
    faces: int | None
    dropped: int
    latency_ms: dict[str, float]


def _text(time: datetime) -> str:
    """ISO 8601, in UTC, to the millisecond."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
