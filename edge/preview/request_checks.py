"""What every answer of the preview carries, and which questions get none."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.system.addresses import is_loopback

#: Nothing from elsewhere, nothing inline, no frame around the page, no copy in a cache.
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
    """Around the application: security headers, and two checks on who is asked and by whom.

    A page of another site can make a browser ask a server on loopback. Under a name of its own that leads to
    127.0.0.1 (DNS rebinding) it could read the answers: the `Host` must be loopback. A WebSocket it could read
    under any name: its `Origin` must be this server.

    Args:
        app: what is guarded.
        loopback_only: refuse other names of this server than those of loopback. Where a token is asked for, the
            browser's cookie belongs to one name, and the check is not needed.
    """

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        self._app, self._loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket."""
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app
        if self._loopback_only and not is_loopback(_host_name(headers.get("host", ""))):
            app = PlainTextResponse("mien: ask for this page as 127.0.0.1 or localhost\n", 421)
        elif scope["type"] == "websocket" and not _same_origin(headers):
            app = PlainTextResponse("mien: this page is not for other sites\n", 403)
        if scope["type"] == "websocket" and app is not self._app:
            # Before it is accepted: the browser is told 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        await app(scope, receive, send_guarded)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_origin(headers: Headers) -> bool:
    """Whether a browser's page comes from here; what is no browser sends no origin."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
