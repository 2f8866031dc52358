"""The statistics of a run: frames, faces, events, and how long every stage took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.latency import StageLatency
from edge.pipeline.load_control import LoadControl, LoadControlReport
from edge.pipeline.run_report import RunReport
from edge.sources import Source
from edge.tracking import DetectionScheduler
from edge.types import Frame, FrameReport, Track

STAGES = ("capture", "detect", "classify", "track", "sink", "total")
#: The stages that are over when an event is built.
_BEFORE_EVENTS = ("capture", "detect", "classify")


class RunStatistics:
    """Counts over a whole run, also where a reload exchanges the source, the sinks or the detector meanwhile.

    Attributes:
        processed: frames in which faces were looked for; those that failed are not counted.
        failed: frames that the detector or the classifier could not process.
        faces: faces classified.
        last_event_latency_ms: stage to milliseconds of the last frame that had events built.
        latency: of each stage, over the run.
    """

    def __init__(self) -> None:
        self.processed = self.failed = self.faces = 0
        self.last_event_latency_ms: dict[str, float] = {}
        self.latency = StageLatency(STAGES)
        self._start_s = self._end_s = time.monotonic()
        self._reported_lost = 0
        #: What earlier sources, dispatchers and schedulers counted.
        self._lost_before = self._events_before = self._runs_before = self._read_before = 0
        self._source: Source | None = None
        self._dispatcher: Dispatcher | None = None
        self._load_control: LoadControl | None = None
        self._scheduler: DetectionScheduler | None = None

    def start(self) -> None:
        """The run starts now, unless it has started before."""
        if not self.processed:
            self._start_s = time.monotonic()

    def attach(
        self,
        source: Source,
        dispatcher: Dispatcher,
        load_control: LoadControl,
        scheduler: DetectionScheduler | None,
    ) -> None:
        """Count what these do from now on, in addition to what was counted so far."""
        self._lost_before, self._events_before, self._runs_before = self.lost, self.events, self.detector_runs
        self._source, self._dispatcher, self._scheduler = source, dispatcher, scheduler
        self._load_control = load_control
        # They may have been in use before.
        self._lost_before -= self._lost_now
        self._events_before -= dispatcher.published
        self._runs_before -= scheduler.runs if scheduler else 0
        self._read_before = self.processed + self.failed

    def start_frame(self, frame: Frame) -> None:
        """A frame is about to be processed."""
        self.latency.start_frame()
        self.latency.add("capture", frame.capture_ms)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time the block as a stage of the current frame."""
        return self.latency.stage(name)

    def event_latency_ms(self, frame: Frame) -> dict[str, float]:
        """Return stage to milliseconds for the events of the current frame."""
        spent_ms = {stage: self.latency.frame_ms[stage] for stage in _BEFORE_EVENTS}
        spent_ms["total"] = (time.monotonic() - frame.timestamp_s) * 1000
        self.last_event_latency_ms = spent_ms
        return spent_ms

    def end_frame(self, frame: Frame, seen: Sequence[Track]) -> FrameReport:
        """The current frame was processed; return its report."""
        self._end_s = time.monotonic()
        self.latency.add("total", (self._end_s - frame.timestamp_s) * 1000)
        self.processed += 1
        self.faces += len(seen)
        lost = self.lost + self.failed
        dropped, self._reported_lost = lost - self._reported_lost, lost
        name = self._source.name if self._source else ""
        return FrameReport(name, frame.index, len(seen), dropped, self.latency.frame_ms)

    @property
    def frame_ms(self) -> dict[str, float]:
        """Stage to milliseconds of the last frame."""
        return self.latency.frame_ms

    @property
    def lost(self) -> int:
        """Frames that the sources had and that were never processed."""
        return self._lost_before + self._lost_now

    @property
    def events(self) -> int:
        """Events that the sinks received."""
        return self._events_before + (self._dispatcher.published if self._dispatcher else 0)

    @property
    def detector_runs(self) -> int:
        """Frames in which the detector ran; without a scheduler, every frame."""
        if self._scheduler is None:
            return self._runs_before + self.processed + self.failed - self._read_before
        return self._runs_before + self._scheduler.runs

    @property
    def _lost_now(self) -> int:
        source = self._source.unreadable + self._source.dropped if self._source else 0
        return source + (self._load_control.skipped[self._source.name] if self._source and self._load_control else 0)

    def report(self, source: str, model: str, detector: str, load_control: LoadControlReport | None) -> RunReport:
        """Return the run report so far.

        Args:
            source: name of the source that runs now.
            model: identity of the model that runs now.
            detector: name of the detector that runs now.
            load_control: what load control did; None where it is off.
        """
        return RunReport(
            source=source,
            model=model,
            detector=detector,
            frames_seen=self.processed + self.lost + self.failed,
            frames_processed=self.processed,
            frames_dropped=self.lost + self.failed,
            frames_failed=self.failed,
            detector_runs=self.detector_runs,
            faces=self.faces,
            events=self.events,
            seconds=max(self._end_s - self._start_s, 0.0),
            stages=self.latency.summary(),
            load_control=load_control,
        )
