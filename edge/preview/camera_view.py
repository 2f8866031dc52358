"""One camera in the preview: what its page shows, and what the API returns for it."""

from __future__ import annotations

from edge.preview.broadcast import Broadcast
from edge.preview.current_state import CurrentState
from edge.preview.event_stream import EventStream
from edge.preview.frame_message import FrameMessage
from edge.preview.frame_rate import FrameRate
from edge.preview.timeline import Timeline
from edge.preview.tracked_face import TrackedFace
from edge.types import Frame, FrameReport, Message, SourceEvent, Track


class CameraView:
    """Takes what the daemon's loop has of one camera; a `edge.pipeline.dispatcher.Viewer`.

    Args:
        events: the stream of all cameras.
        name: of the camera; empty if it has none of its own.

    Attributes:
        broadcast: passes frames to the viewers of the page.
        state: what the API returns.
    """

    def __init__(self, events: EventStream, name: str = "") -> None:
        self._timeline, self._rate, self._events = Timeline(), FrameRate(), events
        self.broadcast, self.state = Broadcast(self._timeline), CurrentState(name)

    def publish(self, frame: Frame, tracks: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        """Show one frame. The loop calls it; it never waits.

        Args:
            frame: its image must not change any more.
            tracks: of the faces in the frame; may change afterwards.
            report: on the frame.
            labels: names of the scores.
        """
        self._rate.add(report.dropped)
        rates = self._rate.fps, self._rate.dropped_fps
        faces = tuple(TrackedFace.of(track, labels) for track in tracks)
        self._timeline.add([face.expression for face in faces])
        self.state.set_frame(frame, faces, report, labels, rates)
        if self.broadcast.wants_frame:
            self.broadcast.offer(FrameMessage(report.source, frame, faces, labels, dict(report.latency_ms), *rates))

    def put(self, message: Message) -> None:
        """Take a message that sinks get, and show whether the source is online, stalled or offline."""
        if isinstance(message, SourceEvent):
            self.broadcast.set_state(source_event=message)
            self.state.set_source(message)
        self._events.put(message)

    def set_notice(self, text: str) -> None:
        """Show a line above the picture, such as that pictures are being stored; an empty one removes it."""
        self.broadcast.set_state(notice=text)
