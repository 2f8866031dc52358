"""The token that grants access to the preview from other machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge.system.credentials import PREVIEW_TOKEN, Secret, read_secret
from edge.system.credentials import checked_token as checked

VARIABLE = "MIEN_PREVIEW_TOKEN"
MAX_LENGTH = 256


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Read the token from a file, else from `MIEN_PREVIEW_TOKEN`, else from systemd; None if there is none.

    Args:
        file: contains the token and nothing else; white space around it is ignored.
        environment: the environment of the process.

    Raises:
        WrongUseError: the file cannot be read, or the token is too short, too long or not plain text.
    """
    secret = read_secret(PREVIEW_TOKEN, VARIABLE, file, environment)
    return None if secret is None else checked_token(secret)


def checked_token(secret: Secret) -> str:
    """Return the token without the white space around it. The message of an error never contains it.

    Raises:
        WrongUseError: it is too short, too long, or not plain text.
    """
    return checked(secret, "the preview", MAX_LENGTH)
