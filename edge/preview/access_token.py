"""The word that lets people in from other machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge.errors import WrongUseError
from edge.system.credentials import PREVIEW_TOKEN, credential

VARIABLE = "MIEN_PREVIEW_TOKEN"
#: 16 characters of hex are 64 bits: more than anyone tries against the limit in `edge.preview.login_attempts`.
MIN_LENGTH = 16
MAX_LENGTH = 256
_MAKE_ONE = "make one with  python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token from a file, else from `MIEN_PREVIEW_TOKEN`, else from systemd; None where there is none.

    Args:
        file: holds the token and nothing else; white space around it does not count.
        environment: the process's.

    Raises:
        WrongUseError: the file cannot be read, or what came is too short or no plain text.
    """
    if file is None:
        if environment.get(VARIABLE):
            return checked_token(environment[VARIABLE], VARIABLE)
        token = credential(PREVIEW_TOKEN, environment)
        return None if token is None else checked_token(token, f"the credential {PREVIEW_TOKEN}")
    try:
        with file.open("rb") as stream:
            text = stream.read(4 * MAX_LENGTH)
    except OSError as error:
        raise WrongUseError(f"cannot read the preview's token from {file}: {error.strerror or error}") from error
    return checked_token(text.decode("utf-8", "replace"), str(file))


def checked_token(text: str, origin: str) -> str:
    """The token, without the white space around it. The message of an error never holds it.

    Raises:
        WrongUseError: it is too short, too long, or no plain text.
    """
    token = text.strip()
    if not MIN_LENGTH <= len(token) <= MAX_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise WrongUseError(
            f"{origin} holds no good token for the preview: expected {MIN_LENGTH} to {MAX_LENGTH} letters, digits and "
            f"signs on one line, got {len(token)} characters; {_MAKE_ONE}"
        )
    return token
