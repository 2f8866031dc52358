"""Asks the preview of the `mien run` in the same container whether frames arrive: the health check of the compose file.

`python -P -m deploy.containers.health_check [PORT]` exits with 0 if they do, else with 1 and one line. It runs every
minute beside the daemon, on the same small board, so it imports the standard library alone.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PORT = 8080
#: A camera that is opened again takes up to 20 s; the daemon reports one that has stalled well before.
MAX_AGE_S = 60.0
_TIMEOUT_S = 10.0


def problem(port: int = PORT, environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with the daemon whose preview listens at this port of the same container; None if nothing is.

    Args:
        port: of the preview.
        environment: holds `CREDENTIALS_DIRECTORY`, where the file `preview-token` is, or `MIEN_PREVIEW_TOKEN`.
    """
    try:
        state = _state(port, environment)
        source, frame = state["source"], state["frame"]
        # Files and the demo source have no state.
        if source["state"] not in (None, "online"):
            return f"{source['name']} is {source['state']}: {source['reason']}".rstrip(": ")
        if frame is None:
            return "no frame yet"
        age_s = (datetime.now(UTC) - datetime.fromisoformat(frame["time"])).total_seconds()
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return (
            f"no state at http://127.0.0.1:{port}/api/v1/state ({error or type(error).__name__}): expected "
            f'preview = "0.0.0.0:{port}" in mien.toml, and its token as the secret preview-token'
        )
    return f"the last frame is {age_s:.0f} s old: expected at most {MAX_AGE_S:.0f}" if age_s > MAX_AGE_S else None


def _state(port: int, environment: Mapping[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        token = _token(environment)
        connection.request("GET", "/api/v1/state", headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ValueError(f"status {answer.status}")
    state: dict[str, Any] = json.loads(content)
    return state


def _token(environment: Mapping[str, str]) -> str:
    if token := environment.get("MIEN_PREVIEW_TOKEN", "").strip():
        return token
    folder = environment.get("CREDENTIALS_DIRECTORY")
    path = Path(folder or "", "preview-token")
    return path.read_text("ascii").strip() if folder and path.is_file() else ""


if __name__ == "__main__":
    sys.exit(problem(int(sys.argv[1]) if len(sys.argv) > 1 else PORT))
