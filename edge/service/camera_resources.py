"""What a run holds open for one camera, and what a reload exchanges of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from edge.capture import open_watched
from edge.detection import FaceDetector, for_another_video
from edge.errors import SourceError, WrongUseError
from edge.events import Aggregator
from edge.pipeline import Components, DebugFrames, Dispatcher, LoadControl, Recording
from edge.pipeline.dispatcher import Viewer
from edge.pipeline.video_recording import check_format
from edge.recognizer import Recognizer
from edge.service.resource import ManagedResource
from edge.service.settings import CameraSettings
from edge.sinks import CameraSinks
from edge.sources import Source

#: How long a source that may come later has for its first answer. A process that imports OpenCV starts within it.
_ANSWER_TIMEOUT_S = 10.0


class CameraResources:
    """Opens what one camera needs for itself. What is open already and does not change stays open.

    Attributes:
        source: the open source; None before the first `open`.
        spec: by which it was opened.
        settings: of the last `open` that was committed; None before it.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.settings: CameraSettings | None = None
        self.spec: str | None = None
        self._detector = ManagedResource[FaceDetector]()
        self._source = ManagedResource[Source]()
        self._debug_frames = ManagedResource[DebugFrames | None]()
        self._recording = ManagedResource[Recording | None]()
        self._opened: Source | None = None

    @staticmethod
    def check(settings: CameraSettings) -> None:
        """Check what can be checked before anything is opened.

        Raises:
            WrongUseError: options contradict each other, or a file of such a kind cannot be written.
        """
        if settings.record is None:
            return
        if settings.aggregate is not None:
            raise WrongUseError(
                "--record shows single faces, --aggregate reports none: expected one of the two options"
            )
        check_format(settings.record)

    def detector(self, spec: str, shared: FaceDetector) -> FaceDetector:
        """Return this camera's detector, which uses the networks of the one that cameras share."""
        return self._detector.get((spec, id(shared)), lambda: nullcontext(for_another_video(shared)))

    def open_source(self, settings: CameraSettings, is_ending: Callable[[], bool]) -> Source:
        """Return the source. Another one replaces it only when it has given a frame; see `commit` and `roll_back`.

        Args:
            settings: of the camera.
            is_ending: whether the run is about to end, so that another source is no longer waited for.

        Raises:
            SourceError: it cannot be opened, or gives no frame where one is needed.
            WrongUseError: there is no such source, or it can never be used on this machine.
        """
        timeouts_s = settings.stall_timeout, settings.freeze_timeout
        key = (settings.source, *timeouts_s, settings.wait_for_source)

        def make() -> AbstractContextManager[Source]:
            return open_watched(settings.source, *timeouts_s, wait=settings.wait_for_source)

        try:
            if self.spec in (None, settings.source):
                # Two cannot hold the same camera.
                self._opened = self._source.get(key, make)
                return self._opened
            source = self._opened = self._source.exchange(key, make)
            if source.live:
                source.name = settings.name or source.name
                _await_answer(source, not settings.wait_for_source, is_ending)
        except SourceError as error:
            if settings.name and settings.name not in str(error):
                raise SourceError(f"camera {settings.name}: {error}") from error
            raise
        return source

    def open_images(self, settings: CameraSettings) -> None:
        """Open what stores images, where it is asked for.

        Raises:
            MienError: a file or folder cannot be written.
        """
        source = self._opened
        assert source is not None
        self._debug_frames.get(settings.debug_frames, lambda: _debug_frames(settings))
        self._recording.get(settings.record, lambda: _recording(settings, source))

    def commit(self, settings: CameraSettings) -> None:
        """Close the source that another one has replaced."""
        self._source.commit()
        self.source, self.spec, self.settings = self._opened, settings.source, settings
        assert self.source is not None
        if settings.name:
            self.source.name = settings.name

    def roll_back(self) -> None:
        """Go back to the source that was open before."""
        self._source.roll_back()

    def components(
        self, recognizer: Recognizer, sinks: CameraSinks, viewer: Viewer | None, load_control: LoadControl
    ) -> Components:
        """Return the components of the pipeline; after `commit`."""
        settings, source = self.settings, self.source
        assert settings is not None
        assert source is not None
        aggregator = None
        if settings.aggregate is not None:
            aggregator = Aggregator(
                settings.aggregate, settings.min_faces, source.name, recognizer.labels, recognizer.model
            )
        return Components.build(
            source,
            recognizer,
            Dispatcher(sinks, viewer, aggregator, self._debug_frames.value, self._recording.value),
            emit=settings.emit,
            interval=settings.cadence,
            min_hold_s=settings.min_hold,
            uncertain_below=settings.uncertain_below,
            load_control=load_control,
        )

    def close(self) -> None:
        """Close everything: the camera first."""
        for resource in (self._source, self._debug_frames, self._recording):
            resource.close()


def _await_answer(source: Source, needs_frame: bool, is_ending: Callable[[], bool]) -> None:
    """Wait for a source's first frame, or, where it may come later, for the first attempt to open it.

    Raises:
        SourceError: there is no frame, and one is needed; or the run ends.
        WrongUseError: the source can never be used on this machine: later, that would end the run.
    """
    deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
    for frame in source:
        if frame is not None or (not needs_frame and (source.has_answered or time.monotonic() > deadline_s)):
            return
        if is_ending():
            raise SourceError("the run ends")


def _debug_frames(settings: CameraSettings) -> AbstractContextManager[DebugFrames | None]:
    return nullcontext() if settings.debug_frames is None else DebugFrames(settings.debug_frames)


def _recording(settings: CameraSettings, source: Source) -> AbstractContextManager[Recording | None]:
    return nullcontext() if settings.record is None else Recording(settings.record, waits=source.total is not None)
