"""Everything that a run holds open, and what a reload exchanges of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict

from edge.capture import open_watched
from edge.detection import DETECTORS, FaceDetector, open_detector
from edge.errors import WrongUseError
from edge.events import Aggregator
from edge.inference import Classifier, find_model
from edge.pipeline import Components, DebugFrames, Dispatcher, LoadControl, degradation_levels
from edge.preview import Preview, parse_address, read_token
from edge.recognizer import Recognizer
from edge.service.resource import ManagedResource
from edge.service.settings import RunSettings
from edge.sinks import PreparedSink, SinkGroup, open_sink_group, prepare_sink
from edge.sources import Source
from edge.system.cpu import cpu_s


class Resources:
    """Opens what settings name. What is open already and does not change stays open.

    Attributes:
        source: the open source; None before the first `open`.
        sinks: the open sinks; None before the first `open`.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.sinks: SinkGroup | None = None
        self._sink_counts_before: dict[str, dict[str, int]] = {}
        self._classifier = ManagedResource[Classifier]()
        self._detector = ManagedResource[FaceDetector]()
        self._source = ManagedResource[Source]()
        self._sinks = ManagedResource[SinkGroup]()
        self._preview = ManagedResource[Preview | None]()
        self._debug_frames = ManagedResource[DebugFrames | None]()
        self._load_control = ManagedResource[LoadControl]()

    def open(self, settings: RunSettings) -> Components:
        """Return the components of a run with these settings.

        Raises:
            MienError: one of them cannot be opened.
        """
        # What can be checked without closing anything comes first: a wrong setting then costs no frame.
        prepared_sinks = [prepare_sink(uri) for uri in settings.sink]
        new_preview = _preview(settings)
        recognizer = self._open_recognizer(settings)

        self.source = source = self._open_source(settings)
        block_when_full = source.total is not None
        self.sinks = sinks = self._sinks.get(
            (settings.sink, block_when_full), lambda: self._exchange_sinks(prepared_sinks, block_when_full)
        )
        sinks.set_model(recognizer.model)
        preview = self._preview.get((settings.preview, settings.preview_token_file), lambda: new_preview)
        debug_frames = self._debug_frames.get(settings.debug_frames, lambda: _debug_frames(settings))

        return Components.build(
            source,
            recognizer,
            Dispatcher(sinks, preview, _aggregator(settings, source, recognizer), debug_frames),
            emit=settings.emit,
            interval=settings.cadence,
            min_hold_s=settings.min_hold,
            uncertain_below=settings.uncertain_below,
            load_control=self._open_load_control(settings, source),
        )

    def start_closing(self) -> None:
        """Have the sinks deliver what is queued while the other resources are closed."""
        if self.sinks is not None:
            self.sinks.start_closing()

    def close(self) -> None:
        """Close everything: the camera first, the sinks last."""
        for resource in (self._source, self._preview, self._debug_frames, self._sinks):
            resource.close()

    @property
    def sink_counts(self) -> dict[str, dict[str, int]]:
        """Sink to its counts, including those of sinks that a reload closed."""
        counts = {} if self.sinks is None else {name: asdict(c) for name, c in self.sinks.counts.items()}
        for name, before in self._sink_counts_before.items():
            now = counts.get(name, {})
            counts[name] = {key: value + now.get(key, 0) for key, value in before.items()}
        return counts

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
        return self._source.get(
            (settings.source, *timeouts_s, settings.wait_for_source),
            lambda: open_watched(settings.source, *timeouts_s, wait=settings.wait_for_source),
        )

    def _exchange_sinks(self, prepared: Sequence[PreparedSink], block_when_full: bool) -> SinkGroup:
        """Open other sinks; the former ones are closed by now, and their counts are kept."""
        if self.sinks is not None:
            self._sink_counts_before, self.sinks = self.sink_counts, None
        return open_sink_group(prepared, block_when_full)

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


def _preview(settings: RunSettings) -> AbstractContextManager[Preview | None]:
    if settings.preview is None:
        return nullcontext()
    if settings.aggregate is not None:
        raise WrongUseError("--preview shows single faces, --aggregate reports none: expected one of the two options")
    host, port = parse_address(settings.preview)
    return Preview(host, port, read_token(settings.preview_token_file))


def _debug_frames(settings: RunSettings) -> AbstractContextManager[DebugFrames | None]:
    return nullcontext() if settings.debug_frames is None else DebugFrames(settings.debug_frames)


def _aggregator(settings: RunSettings, source: Source, recognizer: Recognizer) -> Aggregator | None:
    if settings.aggregate is None:
        return None
    return Aggregator(settings.aggregate, settings.min_faces, source.name, recognizer.labels, recognizer.model)
