"""Runs uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from threading import Thread
from typing import Any

import uvicorn

from edge.errors import first_line
from edge.preview.app import PreviewApp
from edge.preview.authentication import Authenticator
from edge.preview.camera_view import CameraView
from edge.preview.event_stream import EventStream
from edge.preview.http_protocol import http_protocol, websocket_protocol
from edge.system.logs import RateLimitedLogger
from edge.system.open_connections import OpenConnections

logger = logging.getLogger(__name__)

#: How many connections are accepted before those are served or closed that were accepted before: each of them holds a
#: file descriptor until then.
_BACKLOG = 16
#: How many more the kernel queues meanwhile. A client for whom there is no room tries again after a second.
_QUEUE = 1024
#: A page sends only that it has shown a frame.
_MAX_INCOMING_BYTES = 1024
#: How long clients have to disconnect at the end, and how long the application has after that.
_END_TIMEOUT_S, _APPLICATION_TIMEOUT_S = 2, 2


class Server:
    """Serves the page, from `start()` to `stop()`.

    Args:
        listener: a listening socket.
        views: name of each camera to what provides its frames and its state.
        events: what the API streams.
        authenticator: decides who may see them.
    """

    def __init__(
        self,
        listener: socket.socket,
        views: Mapping[str, CameraView],
        events: EventStream,
        authenticator: Authenticator,
    ) -> None:
        self._listener, self._views, self._events = listener, views, events
        connections = OpenConnections("the preview")
        config = uvicorn.Config(
            PreviewApp(views, events, authenticator, listener.getsockname()[1]).asgi_app(),
            # Of the successor of the implementation that websockets has deprecated.
            ws=websocket_protocol(connections),
            http=http_protocol(connections),
            loop="asyncio",
            lifespan="off",
            # Compression does not make a JPEG smaller.
            ws_per_message_deflate=False,
            ws_max_size=_MAX_INCOMING_BYTES,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_END_TIMEOUT_S + _APPLICATION_TIMEOUT_S,
            # Otherwise clients could choose the address for which their wrong tokens are counted.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="error",
        )
        self._server = _Server(config)
        self._warnings = RateLimitedLogger(logger)
        self._thread = Thread(target=self._run, name="preview", daemon=True)

    def start(self) -> None:
        """Begin to serve; the kernel queues the connections that come before the thread runs."""
        self._thread.start()

    def stop(self) -> None:
        """Close the viewers' connections, and end."""
        for view in self._views.values():
            view.broadcast.end()
        self._events.end()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._log_once_a_minute)
        broadcasts = [asyncio.create_task(view.broadcast.run()) for view in self._views.values()]
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            for broadcast in broadcasts:
                broadcast.cancel()

    def _log_once_a_minute(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log in place of asyncio, which writes a traceback each time: a client can cause thousands."""
        error = context.get("exception")
        self._warnings.warning(f"the preview: {context['message']}{f': {first_line(error)}' if error else ''}")


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and have the kernel queue more connections than are accepted at once; asyncio knows one number."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_QUEUE)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and abort the connections of clients that do not disconnect.

        uvicorn would cancel the application's tasks, and log a traceback for each.
        """
        timer = asyncio.get_running_loop().call_later(_END_TIMEOUT_S, self._abort_connections)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
