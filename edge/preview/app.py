"""The web application: the page, the login, the live connection and the API."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.preview.access_token import MAX_LENGTH
from edge.preview.api import Api
from edge.preview.authentication import COOKIE_AGE_S, AuthenticationResult, Authenticator
from edge.preview.camera_view import CameraView
from edge.preview.event_stream import EventStream
from edge.preview.request_checks import RequestChecks
from edge.preview.viewers import TOKEN_NEEDED, Viewers

PAGES = Path(__file__).parent / "pages"
#: The longest token with each character encoded as `%XX`, and a margin.
_MAX_FORM_BYTES = 4 * MAX_LENGTH
#: How long a client may take to send the form.
_FORM_TIMEOUT_S = 5.0


class PreviewApp:
    """Answers the requests of browsers.

    Args:
        views: name of each camera to what provides its frames and its state.
        events: what the API streams.
        authenticator: decides who may see them.
        port: the port that the server listens on. It is part of the cookie's name, because browsers do not separate
            the cookies of two ports.
    """

    def __init__(
        self, views: Mapping[str, CameraView], events: EventStream, authenticator: Authenticator, port: int
    ) -> None:
        self._authenticator = authenticator
        self._viewers = Viewers({name: view.broadcast for name, view in views.items()})
        self._cookie = f"mien-preview-{port}"
        states = {name: view.state for name, view in views.items()}
        self._api = Api(states, events, authenticator, self._cookie)

    def asgi_app(self) -> ASGIApp:
        """Return the application, with `RequestChecks` around it."""
        routes = [
            Route("/", self._index),
            Route("/login", self._login, methods=["POST"]),
            WebSocketRoute("/live", self._live),
            *self._api.routes(),
            Mount("/static", StaticFiles(directory=PAGES.with_name("static"))),
        ]
        return RequestChecks(Starlette(routes=routes), loopback_only=not self._authenticator.needs_token)

    async def _index(self, request: Request) -> Response:
        if self._authenticator.needs_token and "token" in request.query_params:
            return self._sign_in(request, request.query_params["token"])
        result = self._authenticator.check_cookie(_client(request), request.cookies.get(self._cookie))
        if result.is_accepted:
            return FileResponse(PAGES / "index.html")
        response = _login_page(result, "The token has changed." if result.was_wrong else "", 401)
        if result.was_wrong:
            # Otherwise the browser would send it again, and each time would count as a wrong token.
            response.delete_cookie(self._cookie)
        return response

    async def _login(self, request: Request) -> Response:
        body = b""
        with suppress(ClientDisconnect, TimeoutError):
            async with asyncio.timeout(_FORM_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > _MAX_FORM_BYTES:
                        return _login_page(AuthenticationResult(False), "The token is too long.", 413)
        return self._sign_in(request, parse_qs(body.decode("ascii", "replace")).get("token", [""])[0])

    def _sign_in(self, request: Request, token: str) -> Response:
        result = self._authenticator.check_token(_client(request), token)
        if not result.is_accepted:
            return _login_page(result, "Wrong token.", 403)
        # Not a redirect: a browser that comes from another site would not send the new cookie when it follows one.
        response = FileResponse(PAGES / "enter.html")
        if self._authenticator.needs_token:
            response.set_cookie(
                self._cookie, self._authenticator.cookie, max_age=COOKIE_AGE_S, httponly=True, samesite="strict"
            )
        return response

    async def _live(self, socket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            if self._authenticator.check_cookie(_client(socket), socket.cookies.get(self._cookie)).is_accepted:
                await self._viewers.serve(socket, socket.query_params.get("camera"))
                return
            # Accepted first: a page cannot see why a connection was rejected.
            await socket.accept()
            await socket.close(TOKEN_NEEDED)


def _client(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _login_page(result: AuthenticationResult, message: str, status: int) -> Response:
    """Return the form that asks for the token, with an error message."""
    headers = {}
    if result.retry_after_s:
        seconds = math.ceil(result.retry_after_s)
        message = f"Too many wrong tokens from your address. Try again in {seconds} seconds."
        status, headers = 429, {"Retry-After": str(seconds)}
    page = (PAGES / "login.html").read_text("utf-8").replace("{message}", message)
    return HTMLResponse(page, status, headers)
