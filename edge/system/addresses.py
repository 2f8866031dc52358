"""Addresses: how those that may hold a password are shown, and which are this machine's own."""

from __future__ import annotations

import re
from ipaddress import ip_address

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


def is_loopback(host: str) -> bool:
    """Whether a host, by name or as an address, is this machine for itself; names are not looked up."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
