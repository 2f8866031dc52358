"""Network addresses: hides the credentials in them, and recognizes this machine's own."""

from __future__ import annotations

import re
from ipaddress import ip_address

#: Everything before the last @: an unquoted password may contain slashes, spaces and @.
_USER_INFO = re.compile(r"://.*@")
#: Some cameras take the password in the query, some even in the path.
_PARAMETER = re.compile(
    r"(?<![a-z])(user(?:name)?|usr|login|pass(?:word|wd)?|pwd|psw|token|auth|key|secret)=[^&\s\"']*", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Remove user and password from a URL, or from a line that contains one; if in doubt, it removes more.

    Names, events, logs and errors show addresses in this form only.
    """
    return _PARAMETER.sub(r"\1=***", _USER_INFO.sub("://", text))


def is_loopback(host: str) -> bool:
    """Whether a host, given by name or address, is the loopback interface. No name is looked up."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
