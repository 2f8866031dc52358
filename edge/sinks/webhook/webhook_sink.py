"""The sink `webhook:URL`: a POST request for each message, with the message as JSON.

The requests carry the headers of Standard Webhooks: `webhook-id`, the same when a message is repeated;
`webhook-timestamp`, of the attempt; and, with `secret_file=FILE`, `webhook-signature`. Other options: `timeout=5s`;
`login=FILE` (user and password, a line each) or `token_file=FILE` (a bearer token) for the header `Authorization`; for
https `ca=FILE` and `insecure=yes`.

A message is delivered when the answer is 2xx. Without an answer, or with 408, 425, 429 or 5xx, it is repeated as all
sinks do; with any other answer, redirects among them, it is dropped.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPException

from edge import __version__
from edge.errors import MessageRejectedError, SinkError, first_line
from edge.sinks.sink import Sink
from edge.sinks.sink_uri import SinkUri
from edge.sinks.webhook.endpoint import OPTIONS, Endpoint
from edge.sinks.webhook.http_post import HttpAnswer, post
from edge.sinks.webhook.signature import sign
from edge.system.untrusted_text import printable
from edge.types import Message

#: Request Timeout, Too Early, Too Many Requests (RFC 9110, 8470, 6585): the same request may succeed later.
_PASSING = (408, 425, 429)
_MAX_SHOWN = 200


class WebhookSink(Sink):
    """Posts each message over a connection of its own: events are minutes apart, and servers close idle connections."""

    usage = "webhook:URL"
    options = OPTIONS

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], WebhookSink]:
        """See `Sink.prepare`; the server is not contacted yet."""
        return partial(cls, Endpoint.from_uri(uri))

    def write(self, message: Message) -> None:
        """Post one message.

        Raises:
            SinkError: there is no answer, or one that asks for another attempt.
            MessageRejectedError: the server rejects the message.
        """
        endpoint = self._endpoint
        body = json.dumps(message.as_dict()).encode("ascii")
        try:
            answer = post(
                endpoint.host,
                endpoint.port,
                endpoint.path,
                self._headers(body),
                body,
                endpoint.timeout_s,
                endpoint.tls,
            )
        except (OSError, HTTPException) as error:
            problem = getattr(error, "strerror", None) or first_line(error)
            raise SinkError(f"cannot post to {endpoint.host}: {problem}") from error
        if 200 <= answer.status < 300:
            return
        if answer.status in _PASSING or answer.status >= 500:
            raise SinkError(_described(endpoint.host, answer))
        raise MessageRejectedError(_described(endpoint.host, answer))

    def _headers(self, body: bytes) -> dict[str, str]:
        message_id, timestamp = _message_id(body), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"mien/{__version__}",
            "Connection": "close",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._endpoint.key is not None:
            headers["webhook-signature"] = sign(self._endpoint.key, message_id, timestamp, body)
        if self._endpoint.authorization is not None:
            headers["Authorization"] = self._endpoint.authorization
        return headers


def _message_id(body: bytes) -> str:
    """Return an identifier that stays the same when the message is repeated, also after a reload.

    Several devices may have the same message, such as that their sources came online: the host name distinguishes them.
    """
    return "msg_" + hashlib.sha256(platform.node().encode() + b"\0" + body).hexdigest()[:32]


def _described(host: str, answer: HttpAnswer) -> str:
    first = next((line.strip() for line in answer.text.splitlines() if line.strip()), "")
    details = [f"redirects to {answer.location} are not followed"] if answer.location else [first] if first else []
    return printable(": ".join([f"{host} answers {answer.status} {answer.reason}", *details]))[:_MAX_SHOWN]
