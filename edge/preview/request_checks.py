"""The security headers of every response, and the requests that are rejected."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.system.addresses import is_loopback

#: Nothing from other servers, nothing inline, no frame around the page, no copy in a cache.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class RequestChecks:
    """Wraps an application: adds security headers, and checks `Host` and `Origin`.

    A page of another site can make a browser send requests to a server on loopback. If a host name of that site
    resolves to 127.0.0.1 (DNS rebinding), the page could read the responses: therefore `Host` must be a name of
    loopback. It could read a WebSocket under any name: therefore `Origin` must be this server.

    Args:
        app: the application to protect.
        loopback_only: whether to reject host names other than those of loopback. If a token is needed, the browser's
            cookie belongs to one host name, and the check is not necessary.
    """

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        self._app, self._loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket."""
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app
        if self._loopback_only and not is_loopback(_host_name(headers.get("host", ""))):
            app = PlainTextResponse("mien: open this page under the name 127.0.0.1 or localhost\n", 421)
        elif scope["type"] == "websocket" and not _same_origin(headers):
            app = PlainTextResponse("mien: requests from other sites are rejected\n", 403)
        if scope["type"] == "websocket" and app is not self._app:
            # A WebSocket that is closed before it is accepted is answered with status 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        await app(scope, receive, send_with_headers)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_origin(headers: Headers) -> bool:
    """Return whether a browser's page comes from this server; other clients send no origin."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
