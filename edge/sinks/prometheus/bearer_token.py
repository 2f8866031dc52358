"""Access control by a bearer token, for a WSGI application."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Iterable
from typing import Any

from edge.system.login_attempts import LoginAttempts


class BearerTokenCheck:
    """Passes on the requests that carry the token, and answers 401 to all others, or 429 to who sends many wrong ones.

    Args:
        app: the WSGI application to protect.
        token: what `Authorization: Bearer TOKEN` must contain.
        attempts: the wrong tokens so far.
    """

    def __init__(self, app: Any, token: str, attempts: LoginAttempts | None = None) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()
        self._attempts = attempts or LoginAttempts()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        received = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        client = environ.get("REMOTE_ADDR", "")
        retry_after_s = self._attempts.retry_after_s(client) if received else 0.0
        if not retry_after_s and hmac.compare_digest(received, self._expected):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        text = ("Content-Type", "text/plain")
        if retry_after_s:
            start_response("429 Too Many Requests", [("Retry-After", str(math.ceil(retry_after_s))), text])
            return [b"too many wrong tokens from your address\n"]
        if received:
            self._attempts.record_failure(client)
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="mien"'), text])
        return [b"a bearer token is required\n"]
