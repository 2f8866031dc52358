"""TLS as a client: the options `ca=FILE` and `insecure=yes` of a sink's URI."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from edge.errors import SinkError, first_line
from edge.sinks.sink_uri import SinkUri
from edge.system.regular_files import open_regular
from edge.system.untrusted_text import printable

logger = logging.getLogger(__name__)

TLS_OPTIONS = ("ca", "insecure")


def client_tls(uri: SinkUri) -> ssl.SSLContext:
    """Return the context with which the server's certificate is verified.

    Args:
        uri: `ca` names a PEM file of certificate authorities to trust in place of the system's; `insecure=yes` verifies
            nothing, and logs a warning.

    Raises:
        WrongUseError: `insecure` has another value.
        SinkError: the file cannot be used.
    """
    if uri.options.get("insecure", "yes") != "yes":
        raise uri.invalid_option("insecure", "yes, or no such option")
    ca = uri.options.get("ca")
    try:
        if ca is not None:
            open_regular(Path(ca)).close()
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        shown = "the system's certificates" if ca is None else printable(ca)
        reason = getattr(error, "strerror", None) or first_line(error)
        raise SinkError(f"{shown} (ca of sink {uri.name}) cannot be used: {reason}; expected PEM") from error
    if "insecure" in uri.options:
        logger.warning("sink %s: insecure=yes: the server's certificate is not verified", uri.name)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
