"""Secrets that a service manager hands over: files in $CREDENTIALS_DIRECTORY, which nobody else can read.

systemd's `LoadCredential=NAME:PATH` puts them there (systemd.exec(5), Credentials).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge.errors import WrongUseError

VARIABLE = "CREDENTIALS_DIRECTORY"
#: User and password of the broker as `login=FILE` has them; and the tokens of the preview and of the metrics.
MQTT_LOGIN, PREVIEW_TOKEN, METRICS_TOKEN = "mqtt-login", "preview-token", "metrics-token"
_MAX_BYTES = 4096


def credential(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The text of one secret; None where there is none, or it is blank.

    Args:
        name: of the file.
        environment: the process's.

    Raises:
        WrongUseError: it is there, and cannot be read. The message never holds it.
    """
    folder = environment.get(VARIABLE)
    if not folder:
        return None
    try:
        with (Path(folder) / name).open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongUseError(f"cannot read the credential {name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise WrongUseError(f"the credential {name} is not text: expected UTF-8") from error
    return text if text.strip() else None
