"""The address at which the preview listens."""

from __future__ import annotations

import re
import socket

from edge.errors import PreviewError, WrongUseError

_EXPECTED = "expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, or PORT for this machine alone"
#: An address of TEST-NET-1 (RFC 5737): nothing is sent there, the system only chooses the way.
_ELSEWHERE = ("192.0.2.1", 9)


def parse_address(text: str) -> tuple[str, int]:
    """Split `HOST:PORT`; an IPv6 address is in brackets. `PORT` alone is that of 127.0.0.1; 0 is any free port.

    Raises:
        WrongUseError: `text` is not an address.
    """
    if re.fullmatch(r"\d{1,5}", text, re.ASCII):
        text = f"127.0.0.1:{text}"
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
        # A restarted daemon need not wait until the kernel has forgotten the previous one's connections. On Windows
        # that option lets any other program take the port as well, and there is one that prevents it.
        option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise PreviewError(f"cannot serve the preview on {host}:{port}: {reason}; choose another address") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the page's URL, such as `http://127.0.0.1:8080/`; of all addresses, the one in the local network."""
    host, port = listener.getsockname()[:2]
    return page_url(host, port)


def page_url(host: str, port: int) -> str:
    """Return the page's URL for an address to listen at; of all addresses, the one in the local network."""
    if host == "0.0.0.0":
        host = _local_address() or host
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _local_address() -> str:
    """Return this machine's IPv4 address in its network; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(way.getsockname()[0])
