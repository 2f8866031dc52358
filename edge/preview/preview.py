"""The preview, as the daemon's loop sees it: one object."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge.errors import MissingExtraError, WrongUseError
from edge.preview.access_token import VARIABLE, checked_token
from edge.preview.broadcast import Broadcast
from edge.preview.current_state import CurrentState
from edge.preview.event_stream import EventStream
from edge.preview.frame_message import FrameMessage
from edge.preview.frame_rate import FrameRate
from edge.preview.listen_address import listen, url_of
from edge.preview.timeline import Timeline
from edge.preview.tracked_face import TrackedFace
from edge.system.addresses import is_loopback
from edge.system.credentials import Secret
from edge.types import Frame, FrameReport, Message, SourceEvent, Track

if TYPE_CHECKING:
    from edge.preview.server import Server

logger = logging.getLogger(__name__)


class Preview:
    """Serves the page; a context manager.

    Args:
        host: the address to listen at.
        port: 0 for any free port.
        token: the token that grants access; may be None only on loopback.

    Attributes:
        url: the page's URL, without the token.

    Raises:
        WrongUseError: other machines could reach the page, and there is no token, or an invalid one.
        MissingExtraError: the extra `preview` is not installed.
        PreviewError: on entry: the address cannot be used.
    """

    url = ""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        if token is None and not is_loopback(host):
            raise WrongUseError(
                f"other machines could reach the preview on {host}: expected a token, in a file that "
                f"--preview-token-file names or in {VARIABLE}; or the address 127.0.0.1"
            )
        self._host, self._port = host, port
        self._token = None if token is None else checked_token(Secret(token, "the given value"))
        self._timeline, self._rate = Timeline(), FrameRate()
        self._broadcast = Broadcast(self._timeline)
        self._state, self._events = CurrentState(), EventStream()
        self._server: Server | None = None
        try:
            import edge.preview.server  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("preview", error.name or "uvicorn") from error

    def __enter__(self) -> Self:
        from edge.preview.authentication import Authenticator
        from edge.preview.server import Server

        listener = listen(self._host, self._port)
        self.url = url_of(listener)
        self._server = Server(listener, self._broadcast, self._state, self._events, Authenticator(self._token))
        self._server.start()
        logger.info("preview at %s", self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()

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
        self._state.set_frame(frame, faces, report, labels, rates)
        if self._broadcast.wants_frame:
            self._broadcast.offer(FrameMessage(report.source, frame, faces, labels, dict(report.latency_ms), *rates))

    def put(self, message: Message) -> None:
        """Take a message that sinks get, and show whether the source is online, stalled or offline."""
        if isinstance(message, SourceEvent):
            self._broadcast.set_state(source_event=message)
            self._state.set_source(message)
        self._events.put(message)

    def set_notice(self, text: str) -> None:
        """Show a line above the picture, such as that pictures are being stored; an empty one removes it."""
        self._broadcast.set_state(notice=text)
