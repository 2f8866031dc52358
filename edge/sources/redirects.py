"""Where an HTTP camera's stream is, if the camera redirects to it: on the same host and port, or nowhere.

A redirect to another address could make this machine fetch what only this machine can reach, such as a port of its
loopback interface.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import ExitStack
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from edge.errors import SourceError
from edge.system.addresses import without_credentials
from edge.system.untrusted_text import printable

MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_STATUS = re.compile(rb"\S+\s+(?:301|302|303|307|308)\b")
_LOCATION = re.compile(rb"\nlocation:[ \t]*([^\r\n]+)", re.IGNORECASE)
_END = re.compile(rb"\n\r?\n")
_MAX_HEAD_BYTES = 65_536
#: What stays as it is in a path or a query.
_PATH_CHARACTERS = "/%:=&~+!$,;'@()*[]?"
_MAX_SHOWN = 200


def resolve_redirects(url: str, timeout_s: float) -> str:
    """Return the address of a stream after the redirects of its server.

    FFmpeg sends the user and the password, so they are not sent here; a server that asks for them first and then
    redirects is not followed.

    Args:
        url: `http://...` or `https://...`, perhaps with user and password, which the result has too.
        timeout_s: time limit in total. What does not answer, or not with HTTP, is left to FFmpeg.

    Raises:
        SourceError: the server redirects to another scheme, host or port, or too often.
    """
    deadline_s = time.monotonic() + timeout_s
    address = url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            location = _location(urlsplit(address), deadline_s)
            if location is None:
                return address
            first, target = urlsplit(url), urlsplit(urljoin(address, location))
            is_same = _origin(target) == _origin(first)
        except (OSError, ValueError):
            # FFmpeg states the reason. A ValueError is a port or a host that is none.
            return address
        if not is_same:
            shown = printable(without_credentials(target.geturl()))[:_MAX_SHOWN]
            raise SourceError(
                f"{without_credentials(url)} redirects to {shown}: expected the same host and port; if you know that "
                "address, use it as the source"
            )
        # With the user and the password, if any.
        address = f"{first.scheme}://{first.netloc}{_path(target)}"
    raise SourceError(f"{without_credentials(url)} redirects more than {MAX_REDIRECTS} times")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _path(parts: SplitResult) -> str:
    path = quote(parts.path, _PATH_CHARACTERS) or "/"
    return f"{path}?{quote(parts.query, _PATH_CHARACTERS)}" if parts.query else path


def _location(parts: SplitResult, deadline_s: float) -> str | None:
    """Ask for an address, and return the one that the answer redirects to; None for any other answer."""
    _, host, port = _origin(parts)
    if not host:
        return None
    fields = (f"Host: {parts.netloc.rpartition('@')[2]}", "Accept: */*", "Connection: close")
    request = "\r\n".join((f"GET {_path(parts)} HTTP/1.1", *fields, "", ""))
    head = b""
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection((host, port), _left_s(deadline_s)))
        if parts.scheme == "https":
            connection = stack.enter_context(_secured(connection, host))
        connection.sendall(request.encode("utf-8", "surrogateescape"))
        while not _END.search(head) and len(head) < _MAX_HEAD_BYTES:
            connection.settimeout(_left_s(deadline_s))
            received = connection.recv(4096)
            if not received:
                break
            head += received
    # What follows is the stream.
    head = _END.split(head, 1)[0]
    location = _LOCATION.search(head) if _STATUS.match(head) else None
    return None if location is None else location[1].decode("utf-8", "surrogateescape").strip()


def _secured(connection: socket.socket, host: str) -> ssl.SSLSocket:
    # As FFmpeg does it: cameras sign their certificates themselves. No secret is sent.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
