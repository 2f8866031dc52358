"""uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from threading import Thread

import uvicorn

from edge.preview.app import Page
from edge.preview.authentication import Authenticator
from edge.preview.broadcast import Broadcast

#: Connections at once; a browser opens up to six.
_MAX_CONNECTIONS = 64
#: What a page may send: that it has shown a frame.
_MAX_INCOMING_BYTES = 1024
#: Viewers that do not leave by then are left.
_END_TIMEOUT_S = 2


class Server:
    """Serves the page on a socket that listens already, from `start()` to `stop()`."""

    def __init__(self, listener: socket.socket, broadcast: Broadcast, door: Authenticator) -> None:
        self._listener, self._broadcast = listener, broadcast
        config = uvicorn.Config(
            Page(broadcast, door, listener.getsockname()[1]).app(),
            # The successor of the one that websockets has deprecated.
            ws="websockets-sansio",
            http="h11",
            loop="asyncio",
            lifespan="off",
            # A JPEG does not get smaller.
            ws_per_message_deflate=False,
            ws_max_size=_MAX_INCOMING_BYTES,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_END_TIMEOUT_S,
            # Else whoever asks could choose the address that the wrong tokens are counted under.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="error",
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._run, name="preview", daemon=True)

    def start(self) -> None:
        """Begin to answer; the kernel keeps those who come before the thread is there."""
        self._thread.start()

    def stop(self) -> None:
        """Say good-bye to the viewers and end."""
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
