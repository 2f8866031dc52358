"""The HTTP server of the metrics: WSGI with a thread for each connection, of which there is a bounded number."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from functools import partial
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from edge.system.open_connections import OpenConnections

#: Connections in all, and from one network: one for each Prometheus server, and a margin.
_MAX_CONNECTIONS, _MAX_PER_NETWORK = 16, 8
#: How long a client may send nothing, or take nothing.
_IDLE_TIMEOUT_S = 5.0
#: How long `close` waits for requests that are being answered.
_FINISH_S = 1.0


class MetricsServer:
    """Serves a WSGI application from a thread of its own, until `close()`.

    Args:
        host: address to listen at.
        port: 0 for any free port.
        app: the application.

    Attributes:
        port: the port in use.

    Raises:
        OSError: the address cannot be used.
        OverflowError: there is no such port.
    """

    def __init__(self, host: str, port: int, app: Any) -> None:
        self._server = make_server(host, port, app, _server_class(host, port), _Handler)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and close what is idle. A request that is being answered has a second to finish."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.connections.close_waiting()
        until_s = time.monotonic() + _FINISH_S
        while self._server.connections and time.monotonic() < until_s:
            time.sleep(0.005)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    # On Windows it would let any other program take the port as well; only Windows has this name.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")
    #: Connections that the kernel queues. At 5, the usual, a flood delays the others by seconds.
    request_queue_size = 1024

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.connections = OpenConnections("the metrics", _MAX_CONNECTIONS, _MAX_PER_NETWORK)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.connections.admit(request, client_address[0], partial(_shut_down, request)):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        self.connections.release(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is no error of the server."""


class _Handler(WSGIRequestHandler):
    timeout = _IDLE_TIMEOUT_S

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            self.server.connections.serve(self.connection)  # type: ignore[attr-defined]
        return parsed

    def log_message(self, format: str, *arguments: Any) -> None:
        """Each scrape would be a line."""


def _server_class(host: str, port: int) -> type[_Server]:
    """Return the server for the family of an address: IPv4, or IPv6."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    return type("_ServerOfFamily", (_Server,), {"address_family": family})


def _shut_down(connection: socket.socket) -> None:
    """Have the thread that waits for a request read the end of it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
