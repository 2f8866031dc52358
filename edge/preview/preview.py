"""The preview, as the daemon's loop sees it: one object."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge.errors import MissingExtraError, WrongUseError
from edge.preview.access_token import VARIABLE, checked_token
from edge.preview.camera_view import CameraView
from edge.preview.event_stream import EventStream
from edge.preview.listen_address import listen, url_of
from edge.system.addresses import is_loopback
from edge.system.credentials import Secret

if TYPE_CHECKING:
    from edge.preview.server import Server

logger = logging.getLogger(__name__)


class Preview:
    """Serves the page; a context manager.

    Args:
        host: the address to listen at.
        port: 0 for any free port.
        token: the token that grants access; may be None only on loopback.
        cameras: their names; the page has a tab for each if there are several. One camera needs no name.

    Attributes:
        url: the page's URL, without the token.

    Raises:
        WrongUseError: other machines could reach the page, and there is no token, or an invalid one.
        MissingExtraError: the extra `preview` is not installed.
        PreviewError: on entry: the address cannot be used.
    """

    url = ""

    def __init__(self, host: str, port: int, token: str | None = None, cameras: Sequence[str] = ("",)) -> None:
        if token is None and not is_loopback(host):
            raise WrongUseError(
                f"other machines could reach the preview on {host}: expected a token, in a file that "
                f"--preview-token-file names or in {VARIABLE}; or the address 127.0.0.1"
            )
        self._host, self._port = host, port
        self._token = None if token is None else checked_token(Secret(token, "the given value"))
        self._events = EventStream()
        self._views = {name: CameraView(self._events, name) for name in cameras}
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
        self._server = Server(listener, self._views, self._events, Authenticator(self._token))
        self._server.start()
        logger.info("preview at %s", self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()

    def camera(self, name: str = "") -> CameraView:
        """Return the view of a camera, which the daemon's loop gives frames and messages.

        Args:
            name: one of `cameras`.
        """
        return self._views[name]
