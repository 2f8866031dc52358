"""Runs uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from threading import Thread

import uvicorn

from edge.preview.app import PreviewApp
from edge.preview.authentication import Authenticator
from edge.preview.broadcast import Broadcast

#: Concurrent connections; a browser opens up to six.
_MAX_CONNECTIONS = 64
#: A page sends only that it has shown a frame.
_MAX_INCOMING_BYTES = 1024
#: How long viewers have to disconnect at the end.
_END_TIMEOUT_S = 2


class Server:
    """Serves the page, from `start()` to `stop()`.

    Args:
        listener: a listening socket.
        broadcast: provides the frames.
        authenticator: decides who may see them.
    """

    def __init__(self, listener: socket.socket, broadcast: Broadcast, authenticator: Authenticator) -> None:
        self._listener, self._broadcast = listener, broadcast
        config = uvicorn.Config(
            PreviewApp(broadcast, authenticator, listener.getsockname()[1]).asgi_app(),
            # The successor of the implementation that websockets has deprecated.
            ws="websockets-sansio",
            http="h11",
            loop="asyncio",
            lifespan="off",
            # Compression does not make a JPEG smaller.
            ws_per_message_deflate=False,
            ws_max_size=_MAX_INCOMING_BYTES,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_END_TIMEOUT_S,
            # Otherwise clients could choose the address for which their wrong tokens are counted.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="error",
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._run, name="preview", daemon=True)

    def start(self) -> None:
        """Begin to serve; the kernel queues the connections that come before the thread runs."""
        self._thread.start()

    def stop(self) -> None:
        """Close the viewers' connections, and end."""
        self._broadcast.end()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        broadcast = asyncio.create_task(self._broadcast.run())
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            broadcast.cancel()
