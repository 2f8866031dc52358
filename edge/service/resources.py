"""Everything that a run holds open, and what a reload exchanges of it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Self

from edge.capture import open_watched
from edge.detection import DETECTORS, FaceDetector, open_detector
from edge.errors import SourceError, WrongUseError
from edge.events import Aggregator
from edge.inference import Classifier, find_model
from edge.pipeline import Components, DebugFrames, Dispatcher, LoadControl, Recording, degradation_levels
from edge.pipeline.video_recording import check_format
from edge.preview import Preview, parse_address, read_token
from edge.recognizer import Recognizer
from edge.service.resource import ManagedResource
from edge.service.settings import RunSettings
from edge.sinks import PreparedSink, SinkGroup, prepare_sink
from edge.sources import Source
from edge.system.cpu import cpu_s
from edge.types import UNCERTAIN_LABEL

#: How long a source that may come later has for its first answer. A process that imports OpenCV starts within it.
_ANSWER_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class _Prepared:
    """What was read and checked for some settings before anything is opened.

    Attributes:
        sinks: can be opened, more than once.
        token: of the preview.
    """

    sinks: tuple[PreparedSink, ...] = ()
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        sinks = tuple(prepare_sink(uri) for uri in settings.sink)
        # Read each time: the token may have been replaced in its file.
        return cls(sinks, None if settings.preview is None else read_token(settings.preview_token_file))


class Resources:
    """Opens what settings name. What is open already and does not change stays open.

    Attributes:
        source: the open source; None before the first `open`.
        sinks: the open sinks; none before the first `open`.
        preview_url: the address of the preview's page; empty without a preview.
        is_ending: whether the run is about to end, so that another source is no longer waited for.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.sinks = SinkGroup()
        self.is_ending, self.preview_url = False, ""
        self._source_spec: str | None = None
        self._prepared = _Prepared()
        self._classifier = ManagedResource[Classifier]()
        self._detector = ManagedResource[FaceDetector]()
        self._source = ManagedResource[Source]()
        self._preview = ManagedResource[Preview | None]()
        self._debug_frames = ManagedResource[DebugFrames | None]()
        self._recording = ManagedResource[Recording | None]()
        self._load_control = ManagedResource[LoadControl]()

    def open(self, settings: RunSettings) -> Components:
        """Return the components of a run with these settings.

        If one of them cannot be opened, a source that was open before is still open. Another source replaces it only
        when it has given a frame.

        Raises:
            MienError: one of them cannot be opened.
        """
        # What can be checked without closing anything comes first: a wrong setting then costs no frame.
        prepared = _Prepared.of(settings)
        components = self._open(settings, prepared)
        self._prepared = prepared
        return components

    def open_again(self, settings: RunSettings) -> Components:
        """Return the components with the settings of the last `open` that succeeded.

        The tokens, passwords and certificates are those that were read then: their files may hold anything by now.

        Raises:
            MienError: one of them cannot be opened.
        """
        return self._open(settings, self._prepared)

    def _open(self, settings: RunSettings, prepared: _Prepared) -> Components:
        _check_recording(settings)
        new_preview = _preview(settings, prepared.token)
        recognizer = self._open_recognizer(settings)
        for sink in prepared.sinks:
            sink.check_labels((*recognizer.labels, UNCERTAIN_LABEL))
        try:
            source = self._open_source(settings)
            self.sinks.exchange(prepared.sinks, block_when_full=source.total is not None)
            self.sinks.set_model(recognizer.model, recognizer.labels)
            preview = self._preview.get((settings.preview, prepared.token), lambda: new_preview)
            self.preview_url = "" if preview is None else preview.url
            debug_frames = self._debug_frames.get(settings.debug_frames, lambda: _debug_frames(settings))
            recording = self._recording.get(settings.record, lambda: _recording(settings, source))
            aggregator = _aggregator(settings, source, recognizer)
            components = Components.build(
                source,
                recognizer,
                Dispatcher(self.sinks, preview, aggregator, debug_frames, recording),
                emit=settings.emit,
                interval=settings.cadence,
                min_hold_s=settings.min_hold,
                uncertain_below=settings.uncertain_below,
                load_control=self._open_load_control(settings, source),
            )
        except BaseException:
            self._source.roll_back()
            raise
        self._source.commit()
        self.source, self._source_spec = source, settings.source
        return components

    def start_closing(self) -> None:
        """Have the sinks deliver what is queued while the other resources are closed."""
        self.sinks.start_closing()

    def close(self) -> None:
        """Close everything: the camera first, the sinks last."""
        for resource in (self._source, self._preview, self._debug_frames, self._recording, self.sinks):
            resource.close()

    @property
    def sink_counts(self) -> dict[str, dict[str, int]]:
        """Sink to its counts, including those of sinks that a reload closed."""
        return {name: asdict(counts) for name, counts in self.sinks.counts.items()}

    def _open_recognizer(self, settings: RunSettings) -> Recognizer:
        classifier = self._classifier.get(
            (settings.model, settings.threads),
            lambda: nullcontext(Classifier(find_model(settings.model), settings.threads)),
        )
        detector = self._detector.get(
            (settings.detector, settings.threads),
            lambda: nullcontext(open_detector(settings.detector, settings.threads)),
        )
        return Recognizer(classifier, detector=detector, prior=settings.prior)

    def _open_source(self, settings: RunSettings) -> Source:
        timeouts_s = settings.stall_timeout, settings.freeze_timeout
        key = (settings.source, *timeouts_s, settings.wait_for_source)

        def make() -> AbstractContextManager[Source]:
            return open_watched(settings.source, *timeouts_s, wait=settings.wait_for_source)

        if self._source_spec in (None, settings.source):
            # Two cannot hold the same camera.
            return self._source.get(key, make)
        source = self._source.exchange(key, make)
        if source.live:
            self._await_answer(source, needs_frame=not settings.wait_for_source)
        return source

    def _await_answer(self, source: Source, needs_frame: bool) -> None:
        """Wait for a source's first frame, or, where it may come later, for the first attempt to open it.

        Raises:
            SourceError: there is no frame, and one is needed; or the run ends.
            WrongUseError: the source can never be used on this machine: later, that would end the run.
        """
        deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
        for frame in source:
            if frame is not None or (not needs_frame and (source.has_answered or time.monotonic() > deadline_s)):
                return
            if self.is_ending:
                raise SourceError("the run ends")

    def _open_load_control(self, settings: RunSettings, source: Source) -> LoadControl:
        """Return load control; its level is kept as long as the board has the same to do."""
        limits = settings.target_fps, settings.max_cpu
        detector = DETECTORS.get(settings.detector.partition(":")[0])
        levels = degradation_levels(detector.cost_depends_on_frame_size, source.live, source.can_downscale)
        return self._load_control.get(
            (settings.source, levels, *limits),
            # A reload may replace the source, and a source its capture process: both are looked up at each call.
            lambda: nullcontext(LoadControl(levels, *limits, cpu=self._cpu_s)),
        )

    def _cpu_s(self) -> float:
        return cpu_s(None if self.source is None else self.source.pid)


def _preview(settings: RunSettings, token: str | None) -> AbstractContextManager[Preview | None]:
    if settings.preview is None:
        return nullcontext()
    if settings.aggregate is not None:
        raise WrongUseError("--preview shows single faces, --aggregate reports none: expected one of the two options")
    host, port = parse_address(settings.preview)
    return Preview(host, port, token)


def _debug_frames(settings: RunSettings) -> AbstractContextManager[DebugFrames | None]:
    return nullcontext() if settings.debug_frames is None else DebugFrames(settings.debug_frames)


def _recording(settings: RunSettings, source: Source) -> AbstractContextManager[Recording | None]:
    return nullcontext() if settings.record is None else Recording(settings.record, waits=source.total is not None)


def _check_recording(settings: RunSettings) -> None:
    if settings.record is None:
        return
    if settings.aggregate is not None:
        raise WrongUseError("--record shows single faces, --aggregate reports none: expected one of the two options")
    check_format(settings.record)


def _aggregator(settings: RunSettings, source: Source, recognizer: Recognizer) -> Aggregator | None:
    if settings.aggregate is None:
        return None
    return Aggregator(settings.aggregate, settings.min_faces, source.name, recognizer.labels, recognizer.model)
