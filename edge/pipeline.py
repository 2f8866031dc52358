"""The loop: source -> detector -> crop -> classifier -> tracker -> events -> sinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge.classify import Classifier
from edge.crop import crop_face
from edge.detect import Detector
from edge.errors import SourceError
from edge.events import Emit, EventMaker
from edge.latency import Latency
from edge.report import RunReport
from edge.sinks import Sink
from edge.sources import Source
from edge.track import Tracker
from edge.types import Event, Frame

STAGES = ("capture", "detect", "classify", "track", "sink", "total")


def crop_margin(detector: Detector, classifier: Classifier) -> float:
    """How much wider than this detector's boxes this classifier's crops are, as a share of the box."""
    return (1 + classifier.card.crop_margin) / detector.looseness - 1


class Pipeline:
    """One source through one detector and one classifier into any number of sinks."""

    def __init__(
        self, source: Source, detector: Detector, classifier: Classifier, sinks: Sequence[Sink], emit: Emit
    ) -> None:
        self._source, self._detector, self._classifier, self._sinks = source, detector, classifier, sinks
        self._model = classifier.card.identity
        self._margin = crop_margin(detector, classifier)
        self._tracker = Tracker()
        self._events = EventMaker(emit, source.name, classifier.labels, self._model)
        self._emit = emit
        self._latency = Latency(STAGES)
        self._processed = self._faces = self._written = 0
        self._begin_s = self._end_s = time.monotonic()
        self._last: Frame | None = None
        self._spent_ms: dict[str, float] = {}
        self._stopping = False

    def run(self, max_frames: int | None = None, each_frame: Callable[[Frame], None] | None = None) -> RunReport:
        """Run until the source ends, `stop()` is called, or `max_frames` are processed.

        Args:
            max_frames: how many frames to process at most.
            each_frame: called after each frame, for a progress bar.
        """
        self._begin_s = time.monotonic()
        try:
            for frame in self._source:
                if frame is not None:
                    self._process(frame)
                    if each_frame:
                        each_frame(frame)
                if self._stopping or self._processed == max_frames:
                    break
        except SourceError:
            self._finish()
            raise
        self._finish()
        return self.report()

    def stop(self) -> None:
        """End the run after the current frame."""
        self._stopping = True

    @property
    def frame_ms(self) -> dict[str, float]:
        """Stage to milliseconds, of the last frame."""
        return self._latency.frame_ms

    @property
    def faces(self) -> int:
        """Faces classified so far."""
        return self._faces

    def report(self) -> RunReport:
        """What has happened so far."""
        return RunReport(
            source=self._source.name,
            model=self._model,
            detector=self._detector.name,
            frames_seen=self._processed + self._source.unreadable + self._source.dropped,
            frames_processed=self._processed,
            frames_dropped=self._source.unreadable + self._source.dropped,
            faces=self._faces,
            events=self._written,
            seconds=max(self._end_s - self._begin_s, 0.0),
            stages=self._latency.summary(),
        )

    def _process(self, frame: Frame) -> None:
        self._last = frame
        latency = self._latency
        latency.start_frame()
        latency.add("capture", frame.capture_ms)
        with latency.stage("detect"):
            detections = self._detector.detect(frame)
        with latency.stage("classify"):
            scores = [self._classifier.scores(crop_face(frame.image, face.box, self._margin)) for face in detections]
        with latency.stage("track"):
            seen, ended = self._tracker.update(detections, scores, frame.position_s)
        self._spent_ms = {stage: latency.frame_ms[stage] for stage in ("capture", "detect", "classify")}
        self._spent_ms["total"] = (time.monotonic() - frame.timestamp_s) * 1000
        events = self._events.events(frame, seen, ended, self._spent_ms)
        with latency.stage("sink"):
            self._write(events)
        self._end_s = time.monotonic()
        latency.add("total", (self._end_s - frame.timestamp_s) * 1000)
        self._processed += 1
        self._faces += len(detections)

    def _finish(self) -> None:
        """The faces that are still there leave with the source."""
        if self._last is not None and self._emit == "change":
            self._write(self._events.events(self._last, [], self._tracker.finish(), self._spent_ms))

    def _write(self, events: Sequence[Event]) -> None:
        for event in events:
            for sink in self._sinks:
                sink.write(event)
        self._written += len(events)
