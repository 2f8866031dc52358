"""uvicorn's HTTP/1.1 protocol with bounds: how many connections there are, and how long one may send nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge.system.open_connections import OpenConnections

#: How long a client may take to send the head of a request.
REQUEST_TIMEOUT_S = 5.0


def http_protocol(connections: OpenConnections) -> type[asyncio.Protocol]:
    """Return the protocol of a server's connections, for uvicorn's `http`."""
    return cast("type[asyncio.Protocol]", partial(_BoundedHttp, connections))


def websocket_protocol(connections: OpenConnections) -> type[asyncio.Protocol]:
    """Return the protocol of connections that have become a WebSocket, for uvicorn's `ws`."""
    return cast("type[asyncio.Protocol]", partial(_BoundedWebSocket, connections))


class _BoundedHttp(H11Protocol):
    """Serves one connection, if `connections` admits it."""

    def __init__(self, connections: OpenConnections, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._open = connections
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        host = self.client[0] if self.client else ""
        if self._open.admit(transport, host, self._close_from_any_thread):
            self._expect_a_request()
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._serve_a_begun_request()

    def on_response_complete(self) -> None:
        # First: a request that the client has sent already is begun by the call below.
        self._open.wait(self.transport, self._close_from_any_thread)
        self._expect_a_request()
        super().on_response_complete()
        self._serve_a_begun_request()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._serve()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer a client that breaks the protocol; where it does so within a request, the request is over.

        Otherwise the application would answer the request too, and uvicorn would log a traceback.
        """
        if self._has_begun_a_request():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self._answers_head():
            super().send_400_response(msg)
        else:
            # The answer has begun already, or must not have the text that uvicorn sends.
            self.transport.close()

    def shutdown(self) -> None:
        """Close the connection as soon as it is not needed, unless it is closing already, which uvicorn rejects."""
        if not self.transport.is_closing():
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._open.release(self.transport)
        super().connection_lost(exc)

    def _has_begun_a_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _answers_head(self) -> bool:
        return self._has_begun_a_request() and self.cycle.scope["method"] == "HEAD"

    def _serve_a_begun_request(self) -> None:
        if self._has_begun_a_request():
            self._serve()

    def _serve(self) -> None:
        self._stop_timer()
        self._open.serve(self.transport)

    def _expect_a_request(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_from_any_thread(self) -> None:
        self.loop.call_soon_threadsafe(self.transport.abort)


class _BoundedWebSocket(WebSocketsSansIOProtocol):
    """Releases the connection that `_BoundedHttp` has been admitted for."""

    def __init__(self, connections: OpenConnections, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._open = connections

    def shutdown(self) -> None:
        """Close the connection, unless it is closing already, which uvicorn rejects."""
        if not self.transport.is_closing():
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.release(self.transport)
        super().connection_lost(exc)

    async def send(self, message: Any) -> None:
        """Send what the application sends, unless the connection is closing.

        uvicorn closes it where the client breaks the protocol or leaves, and the application does not know yet; then
        uvicorn would log a traceback.

        Raises:
            ClientDisconnected: it is closing.
        """
        await self.writable.wait()
        if self.transport.is_closing():
            raise ClientDisconnected
        await super().send(message)
