"""The page and what it asks for."""

from __future__ import annotations

import math
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
from edge.preview.authentication import COOKIE_AGE_S, Authentication, Authenticator
from edge.preview.broadcast import Broadcast
from edge.preview.request_checks import RequestChecks
from edge.preview.viewers import LOCKED, Viewers

PAGES = Path(__file__).parent / "pages"
#: A form with the longest token, each character as `%XX`, and some room.
_MAX_FORM_BYTES = 4 * MAX_LENGTH


class Page:
    """The routes.

    Args:
        broadcast: where the frames come from.
        door: who may look.
        port: that is listened on; browsers do not tell cookies of two ports apart, so its name does.
    """

    def __init__(self, broadcast: Broadcast, door: Authenticator, port: int) -> None:
        self._door, self._viewers, self._cookie = door, Viewers(broadcast), f"mien-preview-{port}"

    def app(self) -> ASGIApp:
        """The application, guarded."""
        routes = [
            Route("/", self._index),
            Route("/login", self._login, methods=["POST"]),
            WebSocketRoute("/live", self._live),
            Mount("/static", StaticFiles(directory=PAGES.with_name("static"))),
        ]
        return RequestChecks(Starlette(routes=routes), loopback_only=not self._door.needs_token)

    async def _index(self, request: Request) -> Response:
        if self._door.needs_token and "token" in request.query_params:
            return self._enter(request, request.query_params["token"])
        answer = self._door.show_cookie(_client(request), request.cookies.get(self._cookie))
        if answer.is_open:
            return FileResponse(PAGES / "index.html")
        response = _locked(answer, "The token has changed." if answer.was_wrong else "", 401)
        if answer.was_wrong:
            # Shown again and again it would count as many wrong ones.
            response.delete_cookie(self._cookie)
        return response

    async def _login(self, request: Request) -> Response:
        body = b""
        with suppress(ClientDisconnect):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_FORM_BYTES:
                    return _locked(Authentication(False), "That is no token.", 413)
        return self._enter(request, parse_qs(body.decode("ascii", "replace")).get("token", [""])[0])

    def _enter(self, request: Request, token: str) -> Response:
        answer = self._door.show_token(_client(request), token)
        if not answer.is_open:
            return _locked(answer, "That is not the token.", 403)
        # Not a redirect: a browser that came from another site would not show the new cookie while it follows.
        response = FileResponse(PAGES / "enter.html")
        if self._door.needs_token:
            response.set_cookie(self._cookie, self._door.cookie, max_age=COOKIE_AGE_S, httponly=True, samesite="strict")
        return response

    async def _live(self, socket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            if self._door.show_cookie(_client(socket), socket.cookies.get(self._cookie)).is_open:
                await self._viewers.serve(socket)
                return
            # Accepted first: a page cannot see why it was not.
            await socket.accept()
            await socket.close(LOCKED)


def _client(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _locked(answer: Authentication, message: str, status: int) -> Response:
    """The form that asks for the token, with what was wrong."""
    headers = {}
    if answer.wait_s:
        seconds = math.ceil(answer.wait_s)
        message = f"Too many wrong tokens from your address. Try again in {seconds} seconds."
        status, headers = 429, {"Retry-After": str(seconds)}
    page = (PAGES / "login.html").read_text("utf-8").replace("{message}", message)
    return HTMLResponse(page, status, headers)
