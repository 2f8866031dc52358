"""The header `Accept` of a request, for a WSGI application."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

#: The versions of formats that Prometheus asks for, such as `1.0.0`.
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,3}")


class AcceptHeaderCheck:
    """Passes on all requests, without an `Accept` that names a version which is none: then the answer is plain text.

    prometheus-client compares the version with those that it knows, and fails where a part of it is no number.

    Args:
        app: the WSGI application to protect.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        versions = re.findall(r"version=([^;,]*)", environ.get("HTTP_ACCEPT", ""))
        if not all(_VERSION.fullmatch(version.strip()) for version in versions):
            environ = {key: value for key, value in environ.items() if key != "HTTP_ACCEPT"}
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer
