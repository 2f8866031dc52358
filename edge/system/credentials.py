"""Reads secrets: from a file, from the environment, or from the credentials of a service manager.

systemd's `LoadCredential=NAME:PATH` puts a credential into a file of $CREDENTIALS_DIRECTORY that no other user can read
(systemd.exec(5), Credentials).
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import MienError, WrongUseError
from edge.system.operating_system import user_id
from edge.system.regular_files import read_regular
from edge.system.untrusted_text import printable

logger = logging.getLogger(__name__)

VARIABLE = "CREDENTIALS_DIRECTORY"
#: Names of the credentials: user and password of the MQTT broker, in the format of `login=FILE`; the tokens of the
#: preview and of the metrics.
MQTT_LOGIN, PREVIEW_TOKEN, METRICS_TOKEN = "mqtt-login", "preview-token", "metrics-token"
#: More than any token or password has; a wrong path may name a huge file.
_MAX_BYTES = 4096
#: 16 hexadecimal digits are 64 bits: more than can be guessed under the limit in `edge.system.login_attempts`.
MIN_TOKEN_LENGTH = 16
_MAKE_TOKEN = "python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"


@dataclass(frozen=True)
class Secret:
    """A secret and where it was found. Its representation does not show the text.

    Attributes:
        text: as it was stored, with the white space around it.
        origin: the file, the variable or the credential, for messages.
    """

    text: str = field(repr=False)
    origin: str


def read_secret(
    credential_name: str,
    variable: str,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    error_type: type[MienError] = WrongUseError,
) -> Secret | None:
    """Read a secret from the first of these places that has one: the file, the variable, the credential.

    Args:
        credential_name: the credential's name, such as `PREVIEW_TOKEN`.
        variable: the environment variable; an empty value counts as absent.
        file: the file that the user named, if any. It must be readable.
        environment: the environment of the process.
        error_type: the error to raise when `file` cannot be read.

    Returns:
        The secret; None if none of the places has one.

    Raises:
        MienError: `file` cannot be read or is not UTF-8; of the type `error_type`.
        WrongUseError: the credential exists and cannot be read. No message contains the secret.
    """
    if file is not None:
        return read_secret_file(file, error_type)
    if text := environment.get(variable):
        return Secret(text, variable)
    loaded = credential(credential_name, environment)
    return None if loaded is None else Secret(loaded, f"the credential {credential_name}")


def read_secret_file(file: Path, error_type: type[MienError] = WrongUseError) -> Secret:
    """Read a secret from a file that the user named.

    Args:
        file: a regular file in UTF-8.
        error_type: the error to raise when it cannot be read.

    Raises:
        MienError: it cannot be read or is not UTF-8; of the type `error_type`.
    """
    shown = printable(str(file))
    return Secret(_read_text(file, shown, error_type), shown)


def credential(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Read one credential of the service manager.

    Args:
        name: the credential's name.
        environment: the environment of the process.

    Returns:
        Its text; None if it does not exist or is blank.

    Raises:
        WrongUseError: it exists and cannot be read. The message does not contain it.
    """
    folder = environment.get(VARIABLE)
    if not folder:
        return None
    try:
        text = _read_text(Path(folder) / name, f"the credential {name}", WrongUseError)
    except WrongUseError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    return text if text.strip() else None


def checked_token(secret: Secret, purpose: str, max_length: int) -> str:
    """Return a token without the white space around it.

    Args:
        secret: the token as it was read.
        purpose: what it is for, such as `the preview`; for the message of an error.
        max_length: how many characters it may have.

    Raises:
        WrongUseError: it is too short, too long, or not plain text. The message does not contain it.
    """
    token = secret.text.strip()
    is_plain = token.isascii() and token.isprintable() and " " not in token
    if not MIN_TOKEN_LENGTH <= len(token) <= max_length or not is_plain:
        raise WrongUseError(
            f"{secret.origin} contains no valid token for {purpose}: expected {MIN_TOKEN_LENGTH} to {max_length} "
            f"letters, digits and punctuation marks on one line, got {len(token)} characters; generate one with  "
            f"{_MAKE_TOKEN}"
        )
    return token


def warn_if_readable_by_others(file: Path) -> None:
    """Log a warning if the group or other users can read a file that holds a secret. On Windows no mode states it."""
    if user_id() is not None and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        logger.warning("%s can be read by other users: chmod 600 %s", file, file)


def _read_text(file: Path, description: str, error_type: type[MienError]) -> str:
    try:
        return read_regular(file, _MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise error_type(f"cannot read {description}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise error_type(f"{description} is not text: expected UTF-8") from error
