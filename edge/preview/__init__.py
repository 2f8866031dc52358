"""The page to look at: the live picture, its faces and what the daemon takes for them.

The loop hands over a reference to the newest frame, and only while somebody looks; a thread of the preview's own
encodes and sends it. Nothing is stored: when nobody looks, no picture is kept.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge.errors import MissingExtraError, WrongUseError
from edge.events import reported_expression
from edge.preview.access_token import VARIABLE, checked_token
from edge.preview.broadcast import Broadcast
from edge.preview.frame_message import FrameMessage
from edge.preview.frame_rate import FrameRate
from edge.preview.listen_address import listen, url_of
from edge.preview.timeline import Timeline
from edge.system.addresses import is_loopback
from edge.system.credentials import Secret
from edge.types import Frame, FrameReport, SourceEvent, Track

if TYPE_CHECKING:
    from edge.preview.server import Server

logger = logging.getLogger(__name__)


class Preview:
    """Serves the page while the block lasts.

    Args:
        host: to listen on.
        port: 0 for any that is free.
        token: what lets people in; may be None on loopback alone.

    Attributes:
        url: the page's address, without the token.

    Raises:
        WrongUseError: others could reach it, and there is no token, or a bad one.
        MissingExtraError: the extra `preview` is not installed.
        PreviewError: when the block begins: the address cannot be had.
    """

    url = ""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        if token is None and not is_loopback(host):
            raise WrongUseError(
                f"the preview on {host} could be seen from elsewhere: expected a token for it, in a file that "
                f"--preview-token-file names or in {VARIABLE}; or 127.0.0.1"
            )
        self._host, self._port = host, port
        self._token = None if token is None else checked_token(Secret(token, "the given value"))
        self._minutes, self._rate = Timeline(), FrameRate()
        self._broadcast = Broadcast(self._minutes)
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
        self._server = Server(listener, self._broadcast, Authenticator(self._token))
        self._server.start()
        logger.info("preview at %s", self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()

    def publish(self, frame: Frame, tracks: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        """Take one frame; called by the loop, and never waits.

        Args:
            frame: whose picture nobody writes into any more.
            tracks: of the faces in it; may change afterwards.
            report: what it took.
            labels: names of the scores.
        """
        self._rate.add(report.dropped)
        self._minutes.add([reported_expression(track, labels) for track in tracks])
        if self._broadcast.is_wanted:
            rate = self._rate
            self._broadcast.hand_over(FrameMessage.of(frame, tracks, report, labels, rate.fps, rate.dropped_fps))

    def source_state(self, event: SourceEvent) -> None:
        """Show that the source has come, stands still or is gone."""
        self._broadcast.tell(event=event)

    def notice(self, text: str) -> None:
        """Show a line above the picture, such as that pictures are being stored; an empty one takes it away."""
        self._broadcast.tell(notice=text)
