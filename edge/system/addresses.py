"""Network addresses: hides the credentials in them, and recognizes this machine's own."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

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


def client_network(address: str) -> str:
    """Return the network that a client's address counts as.

    Of an IPv6 address it is the /64, for a client that has one address of it has them all; all addresses of loopback
    count as one, for every user of the machine has all of them. Text that is no address stays as it is.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        # On a socket for both versions, an IPv4 client is identified by its own address.
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return "loopback"
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else str(parsed)
