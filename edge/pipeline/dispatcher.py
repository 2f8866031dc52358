"""Everyone who learns of a frame, and how much of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from edge.types import Event, Frame, FrameReport, Message, SourceEvent, Track

if TYPE_CHECKING:
    from edge.events.aggregation import Aggregator
    from edge.pipeline.debug_frames import DebugFrames
    from edge.preview import Preview


class Sinks(Protocol):
    """All sinks as one, such as `edge.sinks.SinkGroup`."""

    def put(self, message: Message) -> None:
        """Take one message."""
        ...

    def put_frame(self, report: FrameReport) -> None:
        """Take what one frame took."""
        ...


class Dispatcher:
    """The sinks, the preview, and what is kept from them.

    Args:
        sinks: who gets messages; None for nobody.
        preview: who gets pictures.
        aggregator: where there is one, sinks get its sums in the place of events and of numbers of faces.
        debug_frames: what stores pictures.

    Attributes:
        published: messages that the sinks were given.
    """

    def __init__(
        self,
        sinks: Sinks | None = None,
        preview: Preview | None = None,
        aggregator: Aggregator | None = None,
        debug_frames: DebugFrames | None = None,
    ) -> None:
        self._sinks, self._preview, self._aggregator = sinks, preview, aggregator
        self._debug_frames, self._notice = debug_frames, ""
        self.published = 0

    def events(self, events: Sequence[Event]) -> None:
        """Tell events, where single faces may be told of."""
        if self._aggregator is None:
            for event in events:
                self._publish(event)

    def frame(self, frame: Frame, seen: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        """Tell what one frame took.

        Args:
            frame: whose picture nobody writes into any more.
            seen: tracks of the faces in it.
            report: what it took.
            labels: names of the scores.
        """
        if self._aggregator is not None:
            if (aggregate := self._aggregator.add(seen, frame.position_s)) is not None:
                self._publish(aggregate)
            report = dataclasses.replace(report, faces=None)
        if self._sinks is not None:
            self._sinks.put_frame(report)
        if self._debug_frames is not None:
            self._debug_frames.take(frame)
        if self._preview is not None:
            self._tell_notice(self._preview)
            self._preview.publish(frame, seen, report, labels)

    def source(self, event: SourceEvent) -> None:
        """Tell what has become of the source."""
        self._publish(event)
        if self._preview is not None:
            self._preview.source_state(event)

    def finish(self) -> None:
        """Nothing comes any more from this source: tell the sum so far."""
        if self._aggregator is not None and (aggregate := self._aggregator.finish()) is not None:
            self._publish(aggregate)

    def _publish(self, message: Message) -> None:
        if self._sinks is not None:
            self._sinks.put(message)
            self.published += 1

    def _tell_notice(self, preview: Preview) -> None:
        notice = self._debug_frames.notice if self._debug_frames is not None else ""
        if notice != self._notice:
            self._notice = notice
            preview.notice(notice)
