"""One POST request whose time and answer are bounded, whatever the server does."""

from __future__ import annotations

import io
import socket
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

#: Of an answer's body: enough for the first line of a message.
_MAX_BODY_BYTES = 1000


@dataclass(frozen=True)
class HttpAnswer:
    """The answer to a request.

    Attributes:
        status: of HTTP.
        reason: the text beside it.
        location: where a redirect leads to; empty if the answer is none.
        text: the beginning of the body, where the status is not 2xx.
    """

    status: int
    reason: str
    location: str
    text: str


def post(
    host: str,
    port: int,
    path: str,
    headers: dict[str, str],
    body: bytes,
    timeout_s: float,
    tls: ssl.SSLContext | None,
) -> HttpAnswer:
    """Send a POST request over a connection of its own, and read its answer. Redirects are not followed.

    Args:
        host: name or address.
        port: of the server.
        path: of the URL, with its query.
        headers: of the request.
        body: of the request.
        timeout_s: for the connection, and again for the request and its answer.
        tls: None for no encryption.

    Raises:
        OSError: there is no connection, or no answer in time.
        HTTPException: the answer is not HTTP.
    """
    connection = (
        HTTPConnection(host, port, timeout=timeout_s)
        if tls is None
        else HTTPSConnection(host, port, timeout=timeout_s, context=tls)
    )
    connection.connect()
    with connection.sock as connected:
        # The timeout of a socket is for each call: a server that sends a byte now and then would never exceed it.
        timed: Any = _TimedSocket(connected, time.monotonic() + timeout_s)
        connection.sock = timed
        connection.request("POST", path, body, headers)
        with connection.getresponse() as response:
            return _answer(response)


def _answer(response: HTTPResponse) -> HttpAnswer:
    text = b""
    if not 200 <= response.status < 300:
        try:
            text = response.read(_MAX_BODY_BYTES)
        except (OSError, HTTPException):
            # The status is what matters.
            text = b""
    location = response.getheader("Location") or ""
    return HttpAnswer(response.status, response.reason, location, text.decode("utf-8", "replace"))


class _TimedSocket:
    """What `http.client` uses of a socket, up to a deadline of the monotonic clock."""

    def __init__(self, connected: socket.socket, deadline_s: float) -> None:
        self._socket, self._deadline_s = connected, deadline_s

    def sendall(self, data: bytes) -> None:
        self._set_timeout()
        self._socket.sendall(data)

    def receive_into(self, buffer: memoryview) -> int:
        self._set_timeout()
        return self._socket.recv_into(buffer)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Do nothing: `http.client` calls this before the body is read, and `post` closes the socket."""

    def _set_timeout(self) -> None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left_s)


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: _TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive_into(buffer)
