"""Decides who may see the preview."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from edge.system.login_attempts import LoginAttempts

#: How long a browser stays signed in.
COOKIE_AGE_S = 30 * 24 * 3600


@dataclass(frozen=True)
class AuthenticationResult:
    """The result of checking a token or a cookie.

    Attributes:
        is_accepted: whether the client may see the preview.
        was_wrong: whether the token or the cookie was compared, and was wrong.
        retry_after_s: how long the client has to wait after too many wrong ones; nothing is compared until then.
    """

    is_accepted: bool
    was_wrong: bool = False
    retry_after_s: float = 0.0


class Authenticator:
    """Compares tokens, and the cookies that are derived from them, in constant time.

    The cookie is not the token but derived from it: it stays valid when the daemon is restarted, becomes invalid when
    the token changes, and the browser's cookie store does not reveal the token.

    Args:
        token: the token that grants access; None to grant it to everybody.
        attempts: the wrong tokens and cookies so far.
    """

    def __init__(self, token: str | None, attempts: LoginAttempts | None = None) -> None:
        self._token = None if token is None else token.encode()
        self._attempts = attempts or LoginAttempts()

    @property
    def needs_token(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    @property
    def cookie(self) -> str:
        """The cookie of a browser that has sent the token; only if a token is needed."""
        assert self._token is not None
        return hmac.digest(self._token, b"mien preview cookie", "sha256").hex()

    def check_token(self, client: str, token: str) -> AuthenticationResult:
        """Check the token that a client has sent."""
        if self._token is None:
            return AuthenticationResult(True)
        if retry_after_s := self._attempts.retry_after_s(client):
            return AuthenticationResult(False, retry_after_s=retry_after_s)
        if hmac.compare_digest(token.strip().encode(), self._token):
            return AuthenticationResult(True)
        return self._failed(client)

    def check_cookie(self, client: str, cookie: str | None) -> AuthenticationResult:
        """Check the cookie that a client has sent. A wrong one counts, for it could be made from a guessed token.

        A right one is accepted even while the client has to wait: behind a proxy, all its users have one address. It is
        256 bits of a digest, which no number of attempts finds.
        """
        if self._token is None or (cookie is not None and hmac.compare_digest(cookie.encode(), self.cookie.encode())):
            return AuthenticationResult(True)
        retry_after_s = self._attempts.retry_after_s(client)
        if cookie is None or retry_after_s:
            return AuthenticationResult(False, retry_after_s=retry_after_s)
        return self._failed(client)

    def _failed(self, client: str) -> AuthenticationResult:
        self._attempts.record_failure(client)
        return AuthenticationResult(False, was_wrong=True, retry_after_s=self._attempts.retry_after_s(client))
