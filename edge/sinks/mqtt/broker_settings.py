"""Which MQTT broker, as whom, and how safely."""

from __future__ import annotations

import logging
import os
import platform
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import SinkError, WrongUseError, first_line
from edge.sinks.sink_uri import SinkUri
from edge.system.credentials import MQTT_LOGIN, credential

logger = logging.getLogger(__name__)

USER_VARIABLE, PASSWORD_VARIABLE = "MIEN_MQTT_USER", "MIEN_MQTT_PASSWORD"
_PORT, _TLS_PORT = 1883, 8883
_TLS_KEYS = ("ca", "cert", "key", "insecure")
_KEYS = ("qos", "login", "discovery", *_TLS_KEYS)
_EXPECTED = "mqtt://[USER@]HOST[:PORT][/TOPIC]"


@dataclass(frozen=True)
class BrokerSettings:
    """What `mqtt://[USER@]HOST[:PORT][/TOPIC]` and its options say.

    Attributes:
        name: for messages; without user.
        topic: what all topics begin with.
        user, password: None where the broker asks for none.
        qos: 0 sent, 1 acknowledged, 2 exactly once; of events.
        tls: None for `mqtt://`.
        discovery: Home Assistant's discovery prefix; None not to be discovered.
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

    @classmethod
    def of(cls, spec: SinkUri, environment: Mapping[str, str] = os.environ) -> BrokerSettings:
        """Read a spec, and the files that it names.

        Raises:
            WrongUseError: it is not what was expected.
            SinkError: a file cannot be read.
        """
        spec.check_keys((*_KEYS, "queue"))
        match = re.fullmatch(r"//(?:([^@/]*)@)?(\[[0-9a-fA-F:.]+\]|[^@:/\[\]]+)(?::(\d{1,5}))?(?:/(.*))?", spec.target)
        user, password = _login(spec, match[1] if match else None, environment)
        if not match or not _is_host(match[2]) or not 0 < int(match[3] or 1) < 65536:
            raise WrongUseError(f"sink {spec.name} names no broker: expected {_EXPECTED}")
        discovery = spec.options.get("discovery", "homeassistant")
        if not re.fullmatch(r"[\w-]+(/[\w-]+)*", discovery):
            raise spec.wrong("discovery", "off, or Home Assistant's prefix, such as homeassistant")
        return cls(
            name=spec.name,
            host=match[2].strip("[]"),
            port=int(match[3] or (_TLS_PORT if spec.kind == "mqtts" else _PORT)),
            topic=_topic(spec, match[4] or f"mien/{platform.node() or 'device'}"),
            user=user,
            password=password,
            qos=spec.number("qos", 1, 0, 2),
            tls=_tls(spec),
            discovery=None if discovery == "off" else discovery,
        )


def _is_host(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _topic(spec: SinkUri, topic: str) -> str:
    topic = topic.rstrip("/")
    if not re.fullmatch(r"[^/#+\0$][^#+\0]{0,200}", topic):
        raise WrongUseError(f"topic {topic!r} of sink {spec.name}: expected one such as mien/kitchen, without # and +")
    return topic


def _login(spec: SinkUri, user: str | None, environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """User and password: from the file `login`, else the environment, else systemd; the user also from the address."""
    if user and ":" in user:
        raise WrongUseError(
            f"a password does not belong into the address of sink {spec.name}, where anybody can read it: expected "
            f"login=FILE, or {PASSWORD_VARIABLE} in the environment"
        )
    user, password = user or environment.get(USER_VARIABLE), environment.get(PASSWORD_VARIABLE)
    if "login" in spec.options:
        path = Path(spec.options["login"])
        try:
            text = path.read_text("utf-8")
            if stat.S_IMODE(path.stat().st_mode) & 0o044:
                logger.warning("%s can be read by others: chmod 600 %s", path, path)
        except (OSError, UnicodeError) as error:
            raise SinkError(f"cannot read {path}: {getattr(error, 'strerror', None) or first_line(error)}") from error
        user, password = _login_lines(text, str(path), user)
    elif password is None and (loaded := credential(MQTT_LOGIN, environment)) is not None:
        user, password = _login_lines(loaded, f"the credential {MQTT_LOGIN}", user)
    if password and not user:
        raise WrongUseError(f"a password for sink {spec.name}, but no user: expected {spec.kind}://USER@HOST")
    return user or None, password or None


def _login_lines(text: str, origin: str, user: str | None) -> tuple[str | None, str]:
    """User and password of a text with the password, or with the user and then it."""
    lines = text.splitlines()
    if len(lines) == 2:
        return lines[0], lines[1]
    if len(lines) == 1:
        return user, lines[0]
    raise WrongUseError(f"{origin} has {len(lines)} lines: expected the password, or the user and then it")


def _tls(spec: SinkUri) -> ssl.SSLContext | None:
    options = spec.options
    if spec.kind == "mqtt":
        if wrong := [key for key in _TLS_KEYS if key in options]:
            raise WrongUseError(f"{wrong[0]} of sink {spec.name} is for TLS: expected mqtts://")
        return None
    if "key" in options and "cert" not in options:
        raise WrongUseError(f"key of sink {spec.name} belongs to a certificate: expected cert=FILE too")
    if options.get("insecure", "yes") != "yes":
        raise spec.wrong("insecure", "yes, or nothing")
    for key in ("ca", "cert", "key"):
        if key in options and not Path(options[key]).is_file():
            raise SinkError(f"no file {options[key]} ({key} of sink {spec.name})")
    try:
        context = ssl.create_default_context(cafile=options.get("ca"))
        if "cert" in options:
            # A key behind a passphrase cannot be used: nobody is there to be asked.
            context.load_cert_chain(options["cert"], options.get("key"), password="")
    except (OSError, ValueError) as error:
        raise SinkError(
            f"a certificate or key of sink {spec.name} cannot be used: {first_line(error)}; expected PEM files"
        ) from error
    if "insecure" in options:
        logger.warning("sink %s: insecure=yes: whoever answers is taken for the broker", spec.name)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
