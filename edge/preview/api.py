"""The API of the preview's server: what the daemon sees, as JSON and as server-sent events, without pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.preview.authentication import AuthenticationResult, Authenticator
from edge.preview.current_state import CurrentState
from edge.preview.event_stream import EventStream

_DESCRIPTION = Path(__file__).with_name("openapi.json")
#: Of the header `Authorization`, in lower case.
_SCHEME = "bearer"


class Api:
    """Answers the requests below `/api/v1/`.

    Args:
        states: name of each camera to what `state` returns for it.
        events: what `events` streams.
        authenticator: decides who may ask: by the header `Authorization: Bearer TOKEN`, or by the page's cookie.
        cookie: the name of that cookie.
    """

    def __init__(
        self, states: Mapping[str, CurrentState], events: EventStream, authenticator: Authenticator, cookie: str
    ) -> None:
        self._states, self._events = states, events
        self._authenticator, self._cookie = authenticator, cookie

    def routes(self) -> list[Route]:
        """Return the routes of the application."""
        return [
            Route("/api/v1/openapi.json", self._describe),
            Route("/api/v1/state", self._state),
            Route("/api/v1/cameras", self._cameras),
            Route("/api/v1/events", self._stream),
        ]

    async def _describe(self, request: Request) -> Response:
        return self._rejection(request) or FileResponse(_DESCRIPTION, media_type="application/json")

    async def _state(self, request: Request) -> Response:
        if rejection := self._rejection(request) or self._unknown_camera(request):
            return rejection
        name = request.query_params.get("camera", next(iter(self._states)))
        return JSONResponse(self._states[name].as_dict())

    async def _cameras(self, request: Request) -> Response:
        states = [state.as_dict() for state in self._states.values()]
        return self._rejection(request) or JSONResponse({"cameras": states})

    async def _stream(self, request: Request) -> Response:
        if rejection := self._rejection(request) or self._unknown_camera(request):
            return rejection
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._events.is_full:
            return _error(429, "too many clients are connected", {"Retry-After": "10"})
        return StreamingResponse(
            self._events.serve(request.query_params.get("camera") or None), media_type="text/event-stream"
        )

    def _unknown_camera(self, request: Request) -> Response | None:
        """Return the answer to a request for a camera that there is not; None for others."""
        name = request.query_params.get("camera")
        if name is None or name in self._states:
            return None
        names = ", ".join(filter(None, self._states))
        return _error(404, f"no such camera: expected {f'one of {names}' if names else 'no parameter camera'}", {})

    def _rejection(self, request: Request) -> Response | None:
        """Return the answer to a client that may not ask; None for one that may."""
        result = self._check(request)
        if result.is_accepted:
            return None
        if result.retry_after_s:
            seconds = str(math.ceil(result.retry_after_s))
            return _error(429, "too many wrong tokens from this address", {"Retry-After": seconds})
        text = "wrong token" if result.was_wrong else "a token is needed: Authorization: Bearer TOKEN"
        return _error(401, text, {"WWW-Authenticate": "Bearer"})

    def _check(self, request: Request) -> AuthenticationResult:
        client = request.client.host if request.client else ""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == _SCHEME:
            return self._authenticator.check_token(client, token)
        return self._authenticator.check_cookie(client, request.cookies.get(self._cookie))


def _error(status: int, text: str, headers: dict[str, str]) -> Response:
    return JSONResponse({"error": text}, status, headers)
