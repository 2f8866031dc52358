"""Addresses that may hold a password: how they are shown."""

from __future__ import annotations

import re

#: All before the last @: an unquoted password may hold slashes, blanks and @ itself.
_USER_INFO = re.compile(r"://.*@")
#: Cameras that take the password in the query, or even in the path.
_PARAMETER = re.compile(
    r"(?<![a-z])(user(?:name)?|usr|login|pass(?:word|wd)?|pwd|psw|token|auth|key|secret)=[^&\s\"']*", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """A URL, or a line with one in it, without user and password; it rather hides too much than too little.

    Names, events, logs and errors show addresses in this form only.
    """
    return _PARAMETER.sub(r"\1=***", _USER_INFO.sub("://", text))
