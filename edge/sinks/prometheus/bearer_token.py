"""Access control by a bearer token, for a WSGI application."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import Any


class BearerTokenCheck:
    """Passes on the requests that carry the token, and answers 401 to all others.

    Args:
        app: the WSGI application to protect.
        token: what `Authorization: Bearer TOKEN` must contain.
    """

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        received = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if hmac.compare_digest(received, self._expected):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        start_response(
            "401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="mien"'), ("Content-Type", "text/plain")]
        )
        return [b"a bearer token is required\n"]
