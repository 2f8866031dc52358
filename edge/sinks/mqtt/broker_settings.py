"""How to reach an MQTT broker: address, user, encryption."""

from __future__ import annotations

import logging
import os
import platform
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.errors import SinkError, WrongUseError, first_line
from edge.sinks.client_tls import TLS_OPTIONS, client_tls
from edge.sinks.sink_uri import SinkUri
from edge.system.credentials import MQTT_LOGIN, read_secret, warn_if_readable_by_others
from edge.system.untrusted_text import printable

logger = logging.getLogger(__name__)

USER_VARIABLE, PASSWORD_VARIABLE = "MIEN_MQTT_USER", "MIEN_MQTT_PASSWORD"
_PORT, _TLS_PORT = 1883, 8883
_TLS_OPTIONS = (*TLS_OPTIONS, "cert", "key")
#: The options of the sink's URI.
OPTIONS = ("qos", "login", "discovery", "events", *_TLS_OPTIONS)
_EXPECTED = "mqtt://[USER@]HOST[:PORT][/TOPIC]"
#: User, host, port and topic.
_TARGET = re.compile(r"//(?:([^@/]*)@)?(\[[0-9a-fA-F:.]+\]|[^@:/\[\]]+)(?::(\d{1,5}))?(?:/(.*))?")


@dataclass(frozen=True)
class BrokerSettings:
    """The settings in `mqtt://[USER@]HOST[:PORT][/TOPIC]` and its options.

    Attributes:
        name: for messages; without the user.
        host, port: the broker's address.
        topic: the prefix of all topics.
        user, password: None if the broker asks for none.
        qos: the quality of service of events: 0 sent, 1 acknowledged, 2 exactly once.
        tls: None for `mqtt://`.
        discovery: Home Assistant's discovery prefix; None for no discovery.
        has_events: whether events of single faces are published, beside the state of the room.
    """

    name: str
    host: str
    port: int
    topic: str
    user: str | None
    password: str | None = field(repr=False)
    qos: int
    tls: ssl.SSLContext | None
    discovery: str | None
    has_events: bool

    @classmethod
    def from_uri(cls, uri: SinkUri, environment: Mapping[str, str] = os.environ) -> BrokerSettings:
        """Read a URI, and the files that it names.

        Raises:
            WrongUseError: the URI is not what was expected.
            SinkError: a file cannot be read.
        """
        match = _TARGET.fullmatch(uri.target)
        user, password = _login(uri, match[1] if match else None, environment)
        if not match or not _is_host(match[2]) or not 0 < int(match[3] or 1) < 65536:
            raise WrongUseError(f"sink {uri.name} names no broker: expected {_EXPECTED}")
        discovery = uri.options.get("discovery", "homeassistant")
        if not re.fullmatch(r"[\w-]+(/[\w-]+)*", discovery):
            raise uri.invalid_option("discovery", "off, or Home Assistant's prefix, such as homeassistant")
        if uri.options.get("events", "on") not in ("on", "off"):
            raise uri.invalid_option("events", "on or off")
        return cls(
            name=uri.name,
            host=match[2].strip("[]"),
            port=int(match[3] or (_TLS_PORT if uri.scheme == "mqtts" else _PORT)),
            topic=_topic(uri, match[4] or _default_topic()),
            user=user,
            password=password,
            qos=uri.integer("qos", 1, 0, 2),
            tls=_tls_context(uri),
            discovery=None if discovery == "off" else discovery,
            has_events=uri.options.get("events") != "off",
        )


def with_subtopic(uri: SinkUri, name: str) -> SinkUri:
    """Return the URI of the same broker with `name` as another level of the topic; what is no URI of one, as it is."""
    match = _TARGET.fullmatch(uri.target)
    if match is None:
        return uri
    topic = (match[4] or _default_topic()).rstrip("/")
    broker = uri.target if match[4] is None else uri.target[: match.start(4) - 1]
    return replace(uri, target=f"{broker}/{topic}/{name}")


def _default_topic() -> str:
    return f"mien/{platform.node() or 'device'}"


def _is_host(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _topic(uri: SinkUri, topic: str) -> str:
    topic = topic.rstrip("/")
    if not re.fullmatch(r"[^/#+\0$][^#+\0]{0,200}", topic):
        raise WrongUseError(f"topic {topic!r} of sink {uri.name}: expected one such as mien/kitchen, without # and +")
    return topic


def _login(uri: SinkUri, user: str | None, environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return user and password from the file `login`, the environment or systemd; the user also from the URI."""
    if user and ":" in user:
        raise WrongUseError(
            f"a password does not belong into the address of sink {uri.name}, where anybody can read it: expected "
            f"login=FILE, or {PASSWORD_VARIABLE} in the environment"
        )
    user, password = user or environment.get(USER_VARIABLE), None
    file = Path(uri.options["login"]) if "login" in uri.options else None
    secret = read_secret(MQTT_LOGIN, PASSWORD_VARIABLE, file, environment, error_type=SinkError)
    if file is not None:
        warn_if_readable_by_others(file)
    if secret is not None:
        # The password, or the user and the password.
        lines = secret.text.splitlines()
        if len(lines) not in (1, 2):
            raise WrongUseError(
                f"{secret.origin} has {len(lines)} lines: expected the password, or the user and the password on a "
                "line each"
            )
        user, password = (lines[0] if len(lines) == 2 else user), lines[-1]
    if password and not user:
        raise WrongUseError(f"a password for sink {uri.name}, but no user: expected {uri.scheme}://USER@HOST")
    return user or None, password or None


def _tls_context(uri: SinkUri) -> ssl.SSLContext | None:
    options = uri.options
    if uri.scheme == "mqtt":
        if wrong := [key for key in _TLS_OPTIONS if key in options]:
            raise WrongUseError(f"{wrong[0]} of sink {uri.name} is for TLS: expected mqtts://")
        return None
    if "key" in options and "cert" not in options:
        raise WrongUseError(f"key of sink {uri.name} belongs to a certificate: expected cert=FILE too")
    context = client_tls(uri)
    for key in ("cert", "key"):
        # Not Path.is_file, which raises OSError for a name that is too long.
        if key in options and not os.path.isfile(options[key]):  # noqa: PTH113
            raise SinkError(f"no file {printable(options[key])} ({key} of sink {uri.name})")
    if "cert" in options:
        try:
            # A key with a passphrase cannot be used: nobody is there to enter it.
            context.load_cert_chain(options["cert"], options.get("key"), password="")
        except (OSError, ValueError) as error:
            raise SinkError(
                f"a certificate or key of sink {uri.name} cannot be used: {first_line(error)}; expected PEM files"
            ) from error
    return context
