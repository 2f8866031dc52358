"""The daemon: opens what its settings name, and changes while it runs what other settings change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from types import TracebackType
from typing import Self

from edge.capture import open_watched
from edge.detection import Detector, open_detector
from edge.errors import MienError, SinkError, WrongUseError
from edge.events.aggregation import Aggregator
from edge.inference.classifier import Classifier
from edge.inference.prior import PriorCorrection
from edge.inference.shipped_models import find_model
from edge.pipeline.debug_frames import DebugFrames
from edge.pipeline.degradation import degradation_levels
from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.load_control import LoadControl
from edge.pipeline.loop import Parts, Pipeline
from edge.pipeline.run_report import RunReport
from edge.preview import Preview
from edge.preview.access_token import read_token
from edge.preview.listen_address import parse_address
from edge.service.resource import ManagedResource
from edge.service.settings import RunSettings
from edge.sinks import PreparedSink, SinkGroup, open_sink_group, prepare_sink
from edge.sources import Source, is_camera
from edge.system.cpu import cpu_s
from edge.system.memory import give_back_memory

logger = logging.getLogger(__name__)


class Daemon:
    """Everything that a run holds open; a context manager.

    Args:
        settings: to begin with.

    Attributes:
        pipeline: the loop.

    Raises:
        MienError: a part cannot be opened.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._classifier, self._detector = ManagedResource[Classifier](), ManagedResource[Detector]()
        self._source, self._outlets = ManagedResource[Source](), ManagedResource[SinkGroup]()
        self._preview, self._debug_frames = ManagedResource[Preview | None](), ManagedResource[DebugFrames | None]()
        self._governor = ManagedResource[LoadControl]()
        self._sinks: SinkGroup | None = None
        self._sinks_before: dict[str, dict[str, int]] = {}
        try:
            self.pipeline = Pipeline(self._parts(settings))
        except BaseException:
            self._close()
            raise

    @property
    def total(self) -> int | None:
        """Frames that there will be, where it is known."""
        known = [n for n in (self._frames.total, self._settings.max_frames) if n is not None]
        return min(known) if known else None

    @property
    def reader_gone(self) -> bool:
        """Whoever read standard output is gone."""
        return self._sinks is not None and self._sinks.reader_gone

    def report(self) -> RunReport:
        """What has happened so far, to the sinks as well."""
        sinks = {} if self._sinks is None else {name: asdict(c) for name, c in self._sinks.counts.items()}
        for name, before in self._sinks_before.items():
            now = sinks.get(name, {})
            sinks[name] = {key: value + now.get(key, 0) for key, value in before.items()}
        return replace(self.pipeline.report(), sinks=sinks)

    def change(self, settings: RunSettings) -> None:
        """Go on with other settings; where they cannot be had, with the old ones.

        Raises:
            MienError: the old ones cannot be had any more either.
        """
        self.pipeline.end_tracks()
        try:
            parts = self._parts(settings)
        except MienError as error:
            logger.error("the new configuration is refused, the old one stays: %s", error)
            self.pipeline.change(self._parts(self._settings))
        else:
            self._settings = settings
            self.pipeline.change(parts)
            logger.info("the configuration was read again")
        # Without it, networks that come and go cost 15 MB.
        give_back_memory()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the sinks take what waits, for 4.5 s at most, and close everything.

        Raises:
            BrokenPipeError: whoever read standard output is gone.
            SinkError: what a clip or a folder gave could not be written.
        """
        patient, sinks = self._frames.total is not None, self._sinks
        # Side by side with the rest: all of it in 5 s.
        if sinks is not None:
            sinks.start_closing()
        self._close()
        if kind is not None or sinks is None:
            return
        if sinks.reader_gone:
            raise BrokenPipeError
        if sinks.undelivered and patient:
            raise SinkError(f"{sinks.undelivered} events could not be written; see above")

    def _parts(self, settings: RunSettings) -> Parts:
        """What the settings name; what is open and stays the same stays open."""
        makers = [prepare_sink(spec) for spec in settings.sink]
        preview = _preview_of(settings)
        classifier = self._classifier.get(
            (settings.model, settings.threads),
            lambda: nullcontext(Classifier(find_model(settings.model), settings.threads)),
        )
        detector = self._detector.get(
            (settings.detector, settings.threads),
            lambda: nullcontext(open_detector(settings.detector, settings.threads)),
        )
        correction = PriorCorrection(settings.prior, classifier.labels) if settings.prior else None
        # So far nothing was closed: what is wrong with settings by themselves costs no frame.
        timeouts_s = settings.stall_timeout, settings.freeze_timeout
        self._frames = self._source.get(
            (settings.source, *timeouts_s, settings.wait_for_source),
            lambda: open_watched(settings.source, *timeouts_s, wait=settings.wait_for_source),
        )
        patient = self._frames.total is not None
        self._sinks = self._outlets.get((settings.sink, patient), lambda: self._open_sinks(makers, patient))
        self._sinks.set_model(classifier.card.identity)
        viewers = self._preview.get((settings.preview, settings.preview_token_file), lambda: preview)
        pictures = self._debug_frames.get(settings.debug_frames, lambda: _debug_frames_of(settings))
        aggregator = None
        if settings.aggregate is not None:
            model, labels = classifier.card.identity, classifier.labels
            aggregator = Aggregator(settings.aggregate, settings.min_faces, self._frames.name, labels, model)
        return Parts(
            self._frames,
            detector,
            classifier,
            Dispatcher(self._sinks, viewers, aggregator, pictures),
            settings.emit,
            settings.min_hold,
            settings.uncertain_below,
            correction,
            settings.cadence,
            self._governor_of(settings),
        )

    def _governor_of(self, settings: RunSettings) -> LoadControl:
        """One that goes on where it was, as long as the board has the same to do."""
        limits = settings.target_fps, settings.max_cpu
        rungs = degradation_levels(settings.detector.partition(":")[0], self._frames.live, is_camera(settings.source))
        return self._governor.get(
            (settings.source, rungs, *limits),
            # The source that is open by then, and the process that captures for it by then.
            lambda: nullcontext(LoadControl(rungs, *limits, cpu=lambda: cpu_s(getattr(self._frames, "pid", None)))),
        )

    def _open_sinks(self, makers: Sequence[PreparedSink], patient: bool) -> SinkGroup:
        """Open sinks; those that were there before are closed by now, and what they did is not forgotten."""
        if self._sinks is not None:
            self._sinks_before, self._sinks = self.report().sinks, None
        return open_sink_group(makers, patient)

    def _close(self) -> None:
        """Let go of everything; of the camera first, of the sinks last."""
        for part in (self._source, self._preview, self._debug_frames, self._outlets):
            part.close()


def _preview_of(settings: RunSettings) -> AbstractContextManager[Preview | None]:
    if settings.preview is None:
        return nullcontext()
    if settings.aggregate is not None:
        raise WrongUseError("--preview shows faces, --aggregate tells of none: expected one of them")
    host, port = parse_address(settings.preview)
    return Preview(host, port, read_token(settings.preview_token_file))


def _debug_frames_of(settings: RunSettings) -> AbstractContextManager[DebugFrames | None]:
    return nullcontext() if settings.debug_frames is None else DebugFrames(settings.debug_frames)
