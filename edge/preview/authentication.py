"""Who may look."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from edge.preview.login_attempts import LoginAttempts

#: How long a browser need not ask again.
COOKIE_AGE_S = 30 * 24 * 3600


@dataclass(frozen=True)
class Authentication:
    """What the door says.

    Attributes:
        is_open: come in.
        was_wrong: what was shown does not fit.
        wait_s: too many wrong ones: come again in so many seconds. Nothing is compared until then.
    """

    is_open: bool
    was_wrong: bool = False
    wait_s: float = 0.0


class Authenticator:
    """Compares tokens, and the cookies that stand for them, in constant time.

    The cookie is not the token but what follows from it: it holds over a restart of the daemon, ends with the
    token, and a browser's store does not give the token away.

    Args:
        token: what lets in; None: everybody may.
        attempts: the wrong ones so far.
    """

    def __init__(self, token: str | None, attempts: LoginAttempts | None = None) -> None:
        self._token = None if token is None else token.encode()
        self._attempts = attempts or LoginAttempts()

    @property
    def needs_token(self) -> bool:
        """Whether there is a token at all."""
        return self._token is not None

    @property
    def cookie(self) -> str:
        """What a browser keeps once it has shown the token; only where there is one."""
        assert self._token is not None
        return hmac.digest(self._token, b"mien preview cookie", "sha256").hex()

    def show_token(self, client: str, token: str) -> Authentication:
        """A client has shown a token."""
        return (
            Authentication(True) if self._token is None else self._compare(client, token.strip().encode(), self._token)
        )

    def show_cookie(self, client: str, cookie: str | None) -> Authentication:
        """A client has shown a cookie, or none. A wrong one counts: it could be made from a guessed token."""
        if self._token is None:
            return Authentication(True)
        if cookie is None:
            return Authentication(False, wait_s=self._attempts.wait_s(client))
        return self._compare(client, cookie.encode(), self.cookie.encode())

    def _compare(self, client: str, shown: bytes, expected: bytes) -> Authentication:
        if wait_s := self._attempts.wait_s(client):
            return Authentication(False, wait_s=wait_s)
        if hmac.compare_digest(shown, expected):
            return Authentication(True)
        self._attempts.count_wrong(client)
        return Authentication(False, was_wrong=True, wait_s=self._attempts.wait_s(client))
