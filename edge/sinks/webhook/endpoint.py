"""Where a webhook posts to, and how it authenticates."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from edge.errors import SinkError, WrongUseError
from edge.sinks.client_tls import TLS_OPTIONS, client_tls
from edge.sinks.sink_uri import SinkUri
from edge.sinks.webhook.signature import signing_key
from edge.system.credentials import Secret, checked_token, read_secret_file, warn_if_readable_by_others

#: The options of the sink's URI.
OPTIONS = ("timeout", "secret_file", "login", "token_file", *TLS_OPTIONS)
_TIMEOUT_S, _SHORTEST_S, _LONGEST_S = 5.0, 0.1, 60.0
_MAX_TOKEN_LENGTH = 4096


@dataclass(frozen=True)
class Endpoint:
    """The settings in `webhook:URL` and its options.

    Attributes:
        host, port: the server's address.
        path: of the URL, with its query.
        tls: None for `http`.
        timeout_s: for the connection, and again for the request and its answer.
        key: with which requests are signed; None for no signature.
        authorization: the header; None for none.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    timeout_s: float
    key: bytes | None = field(repr=False)
    authorization: str | None = field(repr=False)

    @classmethod
    def from_uri(cls, uri: SinkUri) -> Endpoint:
        """Read a URI, and the files that it names.

        Raises:
            WrongUseError: the URI or a secret is not what was expected.
            SinkError: a file cannot be read.
        """
        url = _url(uri)
        is_encrypted = url.scheme == "https"
        if not is_encrypted and (wrong := [key for key in TLS_OPTIONS if key in uri.options]):
            raise WrongUseError(f"{wrong[0]} of sink {uri.name} is for TLS: expected https://")
        secret = uri.options.get("secret_file")
        assert url.hostname is not None
        return cls(
            host=url.hostname,
            port=url.port or (443 if is_encrypted else 80),
            path=(url.path or "/") + (f"?{url.query}" if url.query else ""),
            tls=client_tls(uri) if is_encrypted else None,
            timeout_s=uri.duration_s("timeout", _TIMEOUT_S, _SHORTEST_S, _LONGEST_S),
            key=None if secret is None else signing_key(_read(secret)),
            authorization=_authorization(uri),
        )


def _url(uri: SinkUri) -> SplitResult:
    expected = "webhook:https://HOST[:PORT][/PATH] in ASCII, other characters percent-encoded"
    try:
        url = urlsplit(uri.target)
        has_password = "@" in url.netloc
        is_valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and not url.fragment
        # As the connection encodes it.
        (url.hostname or "").encode("idna")
    except (ValueError, UnicodeError):
        raise uri.invalid_target(expected) from None
    if has_password:
        raise WrongUseError(
            f"user and password do not belong into the address of sink {uri.name}, where anybody can read them: "
            "expected login=FILE"
        )
    is_plain = uri.target.isascii() and uri.target.isprintable() and " " not in uri.target
    if not is_valid or not is_plain:
        raise uri.invalid_target(expected)
    return url


def _authorization(uri: SinkUri) -> str | None:
    """Return the header `Authorization`: user and password of the file `login`, or the token of `token_file`."""
    if "login" in uri.options and "token_file" in uri.options:
        raise WrongUseError(f"login and token_file of sink {uri.name}: expected one of the two")
    if "token_file" in uri.options:
        secret = _read(uri.options["token_file"])
        return f"Bearer {checked_token(secret, f'sink {uri.name}', _MAX_TOKEN_LENGTH)}"
    if "login" in uri.options:
        secret = _read(uri.options["login"])
        lines = secret.text.splitlines()
        if len(lines) != 2 or ":" in lines[0]:
            raise WrongUseError(
                f"{secret.origin}: expected the user, without a colon, and the password, on a line each"
            )
        return "Basic " + base64.b64encode(":".join(lines).encode()).decode("ascii")
    return None


def _read(name: str) -> Secret:
    secret = read_secret_file(Path(name), SinkError)
    warn_if_readable_by_others(Path(name))
    return secret
