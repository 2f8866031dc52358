"""The dispatcher: hands events and statistics to the sinks and the preview, except what must not be reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from edge.events import Aggregator
from edge.types import Event, Frame, FrameReport, Message, SourceEvent, Track

if TYPE_CHECKING:
    from edge.pipeline.debug_frames import DebugFrames
    from edge.pipeline.video_recording import Recording


class MessageSink(Protocol):
    """All sinks as one, such as `edge.sinks.SinkGroup`."""

    def put(self, message: Message) -> None:
        """Accept one message."""
        ...

    def put_frame(self, report: FrameReport) -> None:
        """Accept the report of one frame."""
        ...


class Viewer(Protocol):
    """Where images are shown, such as `edge.preview.Preview`."""

    def publish(self, frame: Frame, tracks: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        """Show a frame with its faces."""
        ...

    def put(self, message: Message) -> None:
        """Take a message that sinks get."""
        ...

    def set_notice(self, text: str) -> None:
        """Show a notice; an empty text removes it."""
        ...


class Dispatcher:
    """Hands events, frame reports and images to those that receive them.

    Args:
        sinks: receive messages; None for none.
        viewer: receives images; None for none.
        aggregator: if given, sinks receive its aggregates instead of events and numbers of faces.
        debug_frames: stores images; None for never.
        recording: records the video; None for never.

    Attributes:
        published: number of messages that the sinks received.
    """

    def __init__(
        self,
        sinks: MessageSink | None = None,
        viewer: Viewer | None = None,
        aggregator: Aggregator | None = None,
        debug_frames: DebugFrames | None = None,
        recording: Recording | None = None,
    ) -> None:
        self._sinks, self._viewer, self._aggregator = sinks, viewer, aggregator
        self._debug_frames, self._recording, self._notice = debug_frames, recording, ""
        self.published = 0

    def events(self, events: Sequence[Event]) -> None:
        """Publish events, unless single faces must not be reported."""
        if self._aggregator is None:
            for event in events:
                self._publish(event)

    def frame(self, frame: Frame, seen: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        """Publish the statistics and the image of one frame.

        Args:
            frame: nobody may write into its image any more.
            seen: tracks of the faces in it.
            report: its statistics.
            labels: class names in the order of the scores.
        """
        if self._aggregator is not None:
            if (aggregate := self._aggregator.add(seen, frame.position_s)) is not None:
                self._publish(aggregate)
            report = dataclasses.replace(report, faces=None)
        if self._sinks is not None:
            self._sinks.put_frame(report)
        if self._debug_frames is not None:
            self._debug_frames.store(frame)
        if self._recording is not None:
            self._recording.store(frame, seen, labels)
        if self._viewer is not None:
            self._show_notice(self._viewer)
            self._viewer.publish(frame, seen, report, labels)

    def source(self, event: SourceEvent) -> None:
        """Publish a change of the source's state."""
        self._publish(event)

    def finish(self) -> None:
        """Publish the aggregate so far, because nothing more comes from this source."""
        if self._aggregator is not None and (aggregate := self._aggregator.finish()) is not None:
            self._publish(aggregate)

    def _publish(self, message: Message) -> None:
        if self._sinks is not None:
            self._sinks.put(message)
            self.published += 1
        if self._viewer is not None:
            self._viewer.put(message)

    def _show_notice(self, viewer: Viewer) -> None:
        notices = (part.notice for part in (self._debug_frames, self._recording) if part is not None)
        notice = "; ".join(filter(None, notices))
        if notice != self._notice:
            self._notice = notice
            viewer.set_notice(notice)
