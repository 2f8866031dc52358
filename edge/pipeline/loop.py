"""The loop: source -> recognizer -> tracker -> events -> sinks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.errors import FrameError, SourceError
from edge.events import MIN_HOLD_S, UNCERTAIN_BELOW, Emit, EventBuilder
from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.failure_policy import FailurePolicy
from edge.pipeline.load_control import LoadControl
from edge.pipeline.run_report import RunReport
from edge.pipeline.statistics import RunStatistics
from edge.recognizer import Recognizer
from edge.sources import Source
from edge.tracking import DetectionInterval, DetectionScheduler, Tracker
from edge.types import Frame, Tracks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Components:
    """Everything that a frame passes, in order.

    Attributes:
        source: gives the frames.
        recognizer: finds and reads the faces; its detector is a `DetectionScheduler` where the detector does not run
            in every frame.
        event_builder: turns tracks into events.
        dispatcher: hands events and statistics to the sinks and the preview.
        load_control: keeps the run within what the board can do.
    """

    source: Source
    recognizer: Recognizer
    event_builder: EventBuilder
    dispatcher: Dispatcher
    load_control: LoadControl

    @classmethod
    def build(
        cls,
        source: Source,
        recognizer: Recognizer,
        dispatcher: Dispatcher | None = None,
        *,
        emit: Emit = "change",
        interval: DetectionInterval | None = None,
        min_hold_s: float = MIN_HOLD_S,
        uncertain_below: float = UNCERTAIN_BELOW,
        load_control: LoadControl | None = None,
    ) -> Components:
        """Return the components of a run: detection is scheduled, and events are built for this source and model.

        Args:
            source: gives the frames.
            recognizer: finds and reads the faces.
            dispatcher: hands out the results; None for nobody.
            emit: see `EventBuilder`.
            interval: the detection interval; None for `auto` with a live source and 1 with others.
            min_hold_s: see `EventBuilder`.
            uncertain_below: see `EventBuilder`.
            load_control: None for none.
        """
        scheduler = DetectionScheduler(recognizer.detector, interval or ("auto" if source.live else 1))
        return cls(
            source,
            recognizer.with_detector(scheduler),
            EventBuilder(emit, source.name, recognizer.labels, recognizer.model, min_hold_s, uncertain_below),
            dispatcher or Dispatcher(),
            load_control or LoadControl(),
        )


class Pipeline:
    """Takes frames through the components, one by one.

    Args:
        components: to begin with.

    Attributes:
        statistics: of the run so far, over all components that it had.
    """

    def __init__(self, components: Components) -> None:
        self.statistics = RunStatistics()
        self._failures = FailurePolicy(logger)
        self._stopping = False
        self._last: Frame | None = None
        self._use(components)

    def steps(self, max_frames: int | None = None) -> Iterator[Frame | None]:
        """Run step by step, until the source ends, `stop()` is called, or `max_frames` are processed.

        Yields:
            Each frame after it was processed, and None where a live source has no frame yet.

        Raises:
            SourceError: the source failed for good.
            FrameError: no frame can be processed.
        """
        self.statistics.start()
        try:
            while not self._stopping and self.statistics.processed != max_frames:
                try:
                    frame = next(self._frames)
                except StopIteration:
                    break
                finally:
                    self._dispatch_source_events()
                if frame is not None and self._components.load_control.admits(self._components.source.name):
                    self._process(frame)
                yield frame
        except (SourceError, FrameError):
            self.end_tracks()
            raise
        self.end_tracks()
        self._failures.check(self.statistics)

    def _process(self, frame: Frame) -> None:
        """Take one frame through the components. A frame that fails is counted and skipped."""
        c, statistics = self._components, self.statistics
        self._last = frame
        statistics.start_frame(frame)
        try:
            faces = c.recognizer.read(frame, statistics)
        # Whatever a network or an image may raise: one frame must not end a run of weeks.
        except Exception as error:
            self._failures.add(error, statistics)
        else:
            self._failures.reset()
            with statistics.stage("track"):
                faces = [face.scaled(frame.scale) for face in faces]
                tracks = self._tracker.update(faces, frame.position_s, frame.full_wh)
            with statistics.stage("sink"):
                c.dispatcher.events(c.event_builder.build(frame, tracks, statistics.event_latency_ms(frame)))
            c.dispatcher.frame(frame, tracks.seen, statistics.end_frame(frame, tracks.seen), c.recognizer.labels)
        c.load_control.frame_done()
        self._apply_load()

    def run(self, max_frames: int | None = None, after_step: Callable[[Frame | None], None] | None = None) -> RunReport:
        """Run all steps (see `steps`) and return the report.

        Args:
            max_frames: number of frames to process at most.
            after_step: called with what each step yields.
        """
        for frame in self.steps(max_frames):
            if after_step:
                after_step(frame)
        return self.report()

    def stop(self) -> None:
        """End the run after the current frame."""
        self._stopping = True

    @property
    def source(self) -> Source:
        """The source of the frames."""
        return self._components.source

    @property
    def load_control(self) -> LoadControl:
        """What keeps the run within the limits; cameras share it."""
        return self._components.load_control

    def change(self, components: Components) -> None:
        """Continue with other components after the current frame; the tracks end."""
        self.end_tracks()
        self._use(components)

    def end_tracks(self) -> None:
        """End all tracks, because the source ended, stalled, or is exchanged."""
        ended = Tracks([], self._tracker.finish())
        if self._last is not None:
            events = self._components.event_builder.build(self._last, ended, self.statistics.last_event_latency_ms)
            self._components.dispatcher.events(events)
        self._components.dispatcher.finish()
        if self._scheduler is not None:
            self._scheduler.reset()

    def report(self) -> RunReport:
        """Return what has happened so far."""
        recognizer, source = self._components.recognizer, self._components.source
        load_control = self._components.load_control.report()
        return self.statistics.report(source.name, recognizer.model, recognizer.detector.name, load_control)

    def _use(self, components: Components) -> None:
        self._components, self._frames = components, iter(components.source)
        detector = components.recognizer.detector
        self._scheduler = detector if isinstance(detector, DetectionScheduler) else None
        self._tracker, self._last = Tracker(), None
        self.statistics.attach(components.source, components.dispatcher, components.load_control, self._scheduler)
        self._apply_load()

    def _apply_load(self) -> None:
        level = self._components.load_control.level
        if self._scheduler is not None:
            self._scheduler.set_load(level.interval_factor, level.downscale)
        self._components.source.request_downscale(level.capture_downscale)

    def _dispatch_source_events(self) -> None:
        for event in self._components.source.state_events():
            if event.state == "online":
                logger.info("%s is online", event.source)
            else:
                logger.warning("%s is %s: %s", event.source, event.state, event.reason)
                self.end_tracks()
            self._components.dispatcher.source(event)
