"""The address at which the preview listens."""

from __future__ import annotations

import re
import socket

from edge.errors import PreviewError, WrongUseError

_EXPECTED = "expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080"


def parse_address(text: str) -> tuple[str, int]:
    """Split `HOST:PORT`; an IPv6 address is in brackets. Port 0 stands for any free port.

    Raises:
        WrongUseError: `text` is not an address.
    """
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/\[\]]+)):(\d{1,5})", text, re.ASCII)
    if match is None or int(match[3]) > 65535:
        raise WrongUseError(f"no address {text!r}: {_EXPECTED}")
    return match[1] or match[2], int(match[3])


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        PreviewError: the port is taken, the address belongs to another machine, or the user may not use it.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise PreviewError(f"cannot serve the preview on {host}: there is no such host; {_EXPECTED}") from error
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restarted daemon need not wait until the kernel has forgotten the previous one's connections.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise PreviewError(f"cannot serve the preview on {host}:{port}: {reason}; choose another address") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the page's URL, such as `http://127.0.0.1:8080/`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
