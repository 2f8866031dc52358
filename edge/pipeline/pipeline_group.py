"""Several cameras in one thread: their pipelines take turns."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

from edge.errors import FrameError, SourceError
from edge.pipeline.latency import StageLatency
from edge.pipeline.loop import Components, Pipeline
from edge.pipeline.run_report import RunReport
from edge.pipeline.statistics import STAGES
from edge.sources import Source, wait_for_frames
from edge.types import Frame

logger = logging.getLogger(__name__)

#: The name of the only camera of a run that names none.
UNNAMED = ""
#: The longest wait for a frame from any camera, in seconds.
_WAIT_S = 0.25


class PipelineGroup:
    """Takes one frame from each camera that has one, in turn, until all sources have ended.

    All of them get the same share of frames, however long a frame of one of them takes. While no camera has a frame,
    the thread sleeps. A camera that is offline takes no time from the others. An error that ends the run of one camera
    ends the run of all, so that the service manager can start it again.

    Args:
        components: name of the camera to the components of its pipeline; with one camera, the name may be `UNNAMED`.
    """

    def __init__(self, components: Mapping[str, Components]) -> None:
        self._pipelines: dict[str, Pipeline] = {}
        #: Of cameras that a reload has removed.
        self._former: list[Pipeline] = []
        self._turns: dict[str, Iterator[Frame | None]] = {}
        self._ended_sources: list[Source] = []
        self._is_stopping = False
        self.change(components)

    @property
    def processed(self) -> int:
        """Frames in which faces were looked for, of all cameras."""
        return sum(pipeline.statistics.processed for pipeline in self._all)

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Name of each camera to its frames in which faces were looked for, and the faces classified."""
        return {
            name: (pipeline.statistics.processed, pipeline.statistics.faces)
            for name, pipeline in self._pipelines.items()
        }

    def steps(self, max_frames: int | None = None) -> Iterator[Frame | None]:
        """Run step by step, until all sources end, `stop()` is called, or `max_frames` are processed in all.

        Yields:
            Each frame after it was processed, and None where a live source has no frame yet.

        Raises:
            SourceError: a source failed for good.
            FrameError: no frame of a source can be processed.
        """
        try:
            while self._turns:
                has_frame = False
                for name, turn in list(self._turns.items()):
                    if self._turns.get(name) is not turn:
                        # A reload has exchanged it meanwhile.
                        continue
                    if max_frames is not None and self.processed >= max_frames:
                        self.stop()
                    try:
                        frame = next(turn)
                    except StopIteration:
                        self._end(name)
                        continue
                    has_frame = has_frame or frame is not None
                    yield frame
                if not has_frame and len(self._turns) > 1:
                    wait_for_frames([self._pipelines[name].source for name in self._turns], _WAIT_S)
        except (SourceError, FrameError):
            self.end_tracks()
            raise

    def stop(self) -> None:
        """End the run after the current frame."""
        self._is_stopping = True
        for pipeline in self._pipelines.values():
            pipeline.stop()

    def change(self, components: Mapping[str, Components]) -> None:
        """Continue with these cameras after the current frame. Those that were there before keep their counts."""
        for name in list(self._pipelines):
            if name not in components:
                pipeline = self._pipelines.pop(name)
                pipeline.end_tracks()
                self._former.append(pipeline)
                self._turns.pop(name, None)
        for name, each in components.items():
            if name in self._pipelines:
                self._pipelines[name].change(each)
            else:
                self._pipelines[name] = Pipeline(each)
        # In the order of the configuration.
        self._pipelines = {name: self._pipelines[name] for name in components}
        self._turns = {
            name: self._turns.get(name) or pipeline.steps()
            for name, pipeline in self._pipelines.items()
            if not any(pipeline.source is ended for ended in self._ended_sources)
        }
        self._share_load()
        for each in components.values():
            # One that waits would keep the others waiting.
            each.source.wait_s = 0.0 if len(components) > 1 else _WAIT_S
        if self._is_stopping:
            self.stop()

    def end_tracks(self) -> None:
        """End all tracks of all cameras."""
        for pipeline in self._pipelines.values():
            pipeline.end_tracks()

    def report(self) -> RunReport:
        """Return what has happened so far: of the only camera, or of all together with a report for each."""
        reports = {name: pipeline.report() for name, pipeline in self._pipelines.items()}
        if len(self._all) == 1:
            return next(iter(reports.values()))
        former = [pipeline.report() for pipeline in self._former]
        every = [*reports.values(), *former]
        latency = StageLatency(STAGES)
        for pipeline in self._all:
            latency.add_all(pipeline.statistics.latency)
        now = list(reports.values())
        return replace(
            now[0],
            source=", ".join(report.source for report in now),
            detector=", ".join(dict.fromkeys(report.detector for report in now)),
            frames_seen=sum(report.frames_seen for report in every),
            frames_processed=sum(report.frames_processed for report in every),
            frames_dropped=sum(report.frames_dropped for report in every),
            frames_failed=sum(report.frames_failed for report in every),
            detector_runs=sum(report.detector_runs for report in every),
            faces=sum(report.faces for report in every),
            events=sum(report.events for report in every),
            seconds=max(report.seconds for report in every),
            stages=latency.summary(),
            cameras=reports,
        )

    @property
    def _all(self) -> list[Pipeline]:
        return [*self._pipelines.values(), *self._former]

    def _end(self, name: str) -> None:
        """Go on without a source that has ended."""
        del self._turns[name]
        pipeline = self._pipelines[name]
        self._ended_sources.append(pipeline.source)
        self._share_load()
        if self._turns and not self._is_stopping:
            logger.info("%s ended after %d frames", pipeline.source.name, pipeline.statistics.processed)

    def _share_load(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.load_control.cameras = max(1, len(self._turns))
