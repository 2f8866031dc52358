"""Signatures of requests as Standard Webhooks defines them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from edge.errors import WrongUseError
from edge.system.credentials import Secret

_PREFIX = "whsec_"
#: The specification asks for 24 to 64 bytes; plain text of a receiver that does not follow it may be shorter.
_MIN_BYTES = 16


def signing_key(secret: Secret) -> bytes:
    """Return the key of a secret: the bytes after `whsec_`, which are base64, or else the text as UTF-8.

    Raises:
        WrongUseError: it is too short, more than one line, or no base64. The message does not contain it.
    """
    text = secret.text.strip()
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise WrongUseError(f"{secret.origin} is no valid secret: expected base64 after {_PREFIX}") from None
    else:
        key = text.encode()
    if len(key) < _MIN_BYTES or len(text.splitlines()) != 1:
        raise WrongUseError(
            f"{secret.origin} is no valid secret: expected {_PREFIX} and base64, or plain text, of at least "
            f"{_MIN_BYTES} bytes on one line"
        )
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`.

    Args:
        key: as `signing_key` returns it.
        message_id: the header `webhook-id`.
        timestamp: the header `webhook-timestamp`, in seconds since 1970.
        body: of the request.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
