"""The loop: source -> detector -> crop -> classifier -> tracker -> events -> audience."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from edge.detection import Detector
from edge.detection.alignment import align_face
from edge.errors import FrameError, SourceError, first_line
from edge.events.builder import MIN_HOLD_S, UNCERTAIN_BELOW, Emit, EventBuilder
from edge.inference.classifier import Classifier
from edge.inference.prior import PriorCorrection
from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.latency import Latency
from edge.pipeline.load_control import LoadControl
from edge.pipeline.run_report import RunReport
from edge.sources import Source
from edge.system.logs import RateLimitedLogger
from edge.tracking.scheduler import Cadence, DetectionScheduler
from edge.tracking.tracker import Tracker
from edge.types import Detection, Event, Frame, FrameReport, SourceEvent, Track

logger = logging.getLogger(__name__)

STAGES = ("capture", "detect", "classify", "track", "sink", "total")
#: Frames that fail are left out; where all have failed for so long, something is wrong for good.
FAILING_S = 30.0

Scores = npt.NDArray[np.float32]


def crop_margin(detector: Detector, classifier: Classifier) -> float:
    """How much wider than this detector's boxes this classifier's crops are, as a share of the box."""
    return (1 + classifier.card.crop_margin) / detector.box_scale - 1


@dataclass(frozen=True)
class Parts:
    """What a frame passes on its way.

    Attributes:
        source: where it comes from.
        detector, classifier: what reads it.
        audience: who learns of it.
        emit, min_hold_s, uncertain_below: see `EventBuilder`.
        correction: of the scores, where expressions are not as frequent as in training.
        cadence: how often the detector looks; None for as often as the source needs it.
        governor: holds it to what the board can do.
    """

    source: Source
    detector: Detector
    classifier: Classifier
    audience: Dispatcher = field(default_factory=Dispatcher)
    emit: Emit = "change"
    min_hold_s: float = MIN_HOLD_S
    uncertain_below: float = UNCERTAIN_BELOW
    correction: PriorCorrection | None = None
    cadence: Cadence | None = None
    governor: LoadControl = field(default_factory=LoadControl)


class Pipeline:
    """Takes frames through the parts, one by one, and keeps count."""

    def __init__(self, parts: Parts) -> None:
        self._latency = Latency(STAGES)
        self._seldom = RateLimitedLogger(logger)
        self._processed = self._failed = self._faces = 0
        self._lost_before = self._published_before = self._looks_before = self._reported_lost = 0
        self._begin_s = self._end_s = time.monotonic()
        #: Since when no frame could be processed.
        self._failing_since_s: float | None = None
        self._error = ""
        self._stopping = False
        self._use(parts)

    def run(self, max_frames: int | None = None, each_turn: Callable[[Frame | None], None] | None = None) -> RunReport:
        """Run until the source ends, `stop()` is called, or `max_frames` are processed.

        Args:
            max_frames: how many frames to process at most.
            each_turn: called after each frame, and with None where a live source has none yet.

        Raises:
            SourceError: the source fails for good.
            FrameError: no frame can be processed.
        """
        self._begin_s = time.monotonic()
        try:
            while not self._stopping and self._processed != max_frames:
                try:
                    frame = next(self._frames)
                except StopIteration:
                    break
                finally:
                    for event in self._parts.source.state_events():
                        self._source_changed(event)
                if frame is not None:
                    self._take(frame)
                if each_turn:
                    each_turn(frame)
        except (SourceError, FrameError):
            self.end_tracks()
            raise
        self.end_tracks()
        if self._failing_since_s is not None and not self._processed:
            raise FrameError(f"none of {self._failed} frames could be processed: {self._error}")
        return self.report()

    def stop(self) -> None:
        """End the run after the current frame."""
        self._stopping = True

    def change(self, parts: Parts) -> None:
        """Go on with other parts after the frame at hand; the faces that are there leave."""
        self.end_tracks()
        self._lost_before = self._lost
        self._published_before = self._published
        self._looks_before = self.detector_looks
        self._use(parts)

    def end_tracks(self) -> None:
        """The faces that are there leave: with the source, or because it gives no more frames."""
        ended = self._tracker.finish()
        if self._last is not None and self._parts.emit == "change":
            self._parts.audience.events(self._events.events(self._last, [], ended, self._spent_ms))
        self._parts.audience.finish()
        self._detector.forget()

    @property
    def frame_ms(self) -> dict[str, float]:
        """Stage to milliseconds, of the last frame."""
        return self._latency.frame_ms

    @property
    def processed(self) -> int:
        """Frames in which faces were looked for, so far; those that failed are not among them."""
        return self._processed

    @property
    def faces(self) -> int:
        """Faces classified so far."""
        return self._faces

    @property
    def detector_looks(self) -> int:
        """Frames that the detector has looked at so far."""
        return self._looks_before + self._detector.looks

    def report(self) -> RunReport:
        """What has happened so far."""
        governed = self._parts.governor.report()
        return RunReport(
            source=self._parts.source.name,
            model=self._model,
            detector=self._parts.detector.name,
            frames_seen=self._processed + self._lost + self._failed,
            frames_processed=self._processed,
            frames_dropped=self._lost + self._failed,
            frames_failed=self._failed,
            detector_looks=self.detector_looks,
            faces=self._faces,
            events=self._published,
            seconds=max(self._end_s - self._begin_s, 0.0),
            stages=self._latency.summary(),
            governor={} if governed is None else asdict(governed),
        )

    def _use(self, parts: Parts) -> None:
        self._parts, self._frames = parts, iter(parts.source)
        self._model = parts.classifier.card.identity
        cadence = parts.cadence or ("auto" if parts.source.live else 1)
        self._detector = DetectionScheduler(parts.detector, cadence)
        self._obey()
        self._margin = crop_margin(parts.detector, parts.classifier)
        self._tracker = Tracker()
        self._events = EventBuilder(
            parts.emit, parts.source.name, parts.classifier.labels, self._model, parts.min_hold_s, parts.uncertain_below
        )
        self._last: Frame | None = None
        self._spent_ms: dict[str, float] = {}

    @property
    def _lost(self) -> int:
        """Frames that the sources had, and that never came here."""
        return self._lost_before + self._parts.source.unreadable + self._parts.source.dropped

    @property
    def _published(self) -> int:
        return self._published_before + self._parts.audience.published

    def _take(self, frame: Frame) -> None:
        """Process a frame, or leave it out where the governor has it so."""
        if not self._parts.governor.admits():
            # As if the source had not had it for us.
            self._lost_before += 1
            return
        self._process(frame)
        self._parts.governor.spent()
        self._obey()

    def _obey(self) -> None:
        rung = self._parts.governor.rung
        self._detector.stretch, self._detector.shrink = rung.stretch, rung.shrink
        self._parts.source.request_downscale(rung.capture_shrink)

    def _process(self, frame: Frame) -> None:
        """Take one frame through the parts; one that fails is counted and left out."""
        self._last = frame
        self._latency.start_frame()
        self._latency.add("capture", frame.capture_ms)
        try:
            detections, scores = self._read(frame)
        # Whatever a network or a picture may do: one frame must not end a run of weeks.
        except Exception as error:
            self._count_failure(error)
            return
        self._failing_since_s = None
        with self._latency.stage("track"):
            if frame.scale != 1:
                detections = [face.scaled(frame.scale, frame.scale) for face in detections]
            seen, ended = self._tracker.update(detections, scores, frame.position_s)
        self._tell(frame, seen, self._new_events(frame, seen, ended))

    def _read(self, frame: Frame) -> tuple[list[Detection], list[Scores]]:
        """The faces in a frame, and the probabilities of each."""
        parts = self._parts
        with self._latency.stage("detect"):
            detections = self._detector.detect(frame)
        with self._latency.stage("classify"):
            crops = (align_face(frame.image, face, self._margin, parts.classifier.size) for face in detections)
            scores = [parts.classifier.scores(crop) for crop in crops]
            if not np.isfinite(scores).all():
                raise ValueError(f"{self._model} answers with scores that are no numbers")
            if parts.correction is not None:
                scores = [parts.correction(answer) for answer in scores]
        return detections, scores

    def _new_events(self, frame: Frame, seen: list[Track], ended: list[Track]) -> list[Event]:
        self._spent_ms = {stage: self._latency.frame_ms[stage] for stage in ("capture", "detect", "classify")}
        self._spent_ms["total"] = (time.monotonic() - frame.timestamp_s) * 1000
        return self._events.events(frame, seen, ended, self._spent_ms)

    def _tell(self, frame: Frame, seen: list[Track], events: list[Event]) -> None:
        audience, latency = self._parts.audience, self._latency
        with latency.stage("sink"):
            audience.events(events)
        self._end_s = time.monotonic()
        latency.add("total", (self._end_s - frame.timestamp_s) * 1000)
        self._processed += 1
        self._faces += len(seen)
        lost = self._lost + self._failed
        report = FrameReport(
            self._parts.source.name, frame.index, len(seen), lost - self._reported_lost, latency.frame_ms
        )
        self._reported_lost = lost
        audience.frame(frame, seen, report, self._parts.classifier.labels)

    def _count_failure(self, error: Exception) -> None:
        now_s = time.monotonic()
        self._failed += 1
        self._error = f"{type(error).__name__}: {first_line(error)}"
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        elif now_s - self._failing_since_s > FAILING_S:
            raise FrameError(f"no frame could be processed for {FAILING_S:.0f} s: {self._error}") from error
        self._seldom.warning(f"frame left out, {self._failed} so far: {self._error}")

    def _source_changed(self, event: SourceEvent) -> None:
        """The source has come, or stands still: then nobody is there to be seen."""
        if event.state == "online":
            logger.info("%s is online", event.source)
        else:
            logger.warning("%s is %s: %s", event.source, event.state, event.reason)
            self.end_tracks()
        self._parts.audience.source(event)
