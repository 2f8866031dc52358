"""What was tried here and how it ended, in a file: Raspberry Pi OS forgets its journal with the power."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.device.atomic_io import append_line, write_file

#: Lines that are kept; past twice as many the older half goes.
_KEPT = 200


@dataclass(frozen=True)
class Attempt:
    """One line of the history.

    Attributes:
        time: of the device's clock, UTC; a Pi has none until the network gives it one.
        action: `install` or `rollback`.
        outcome: `started`, `activated`, `refused` (before anything was changed), `unhealthy` or `failed`.
        version: what should be installed; empty where the bundle could not be trusted to say.
        before: what was current then; empty where nothing was.
        reason: why not, in one line.
    """

    time: str
    action: str
    outcome: str
    version: str
    before: str
    reason: str = ""


class History:
    """The history of one prefix.

    Args:
        folder: of the state.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history.jsonl"

    def add(self, action: str, outcome: str, version: str, before: str | None, reason: str = "") -> None:
        """Append an attempt. A disk that takes no line does not change what is installed."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        attempt = Attempt(now, action, outcome, version, before or "", reason)
        with suppress(OSError):
            append_line(self._path, json.dumps(asdict(attempt), ensure_ascii=False))
            lines = self._path.read_bytes().splitlines(keepends=True)
            if len(lines) > 2 * _KEPT:
                write_file(self._path, b"".join(lines[-_KEPT:]))

    def read(self) -> list[Attempt]:
        """The attempts, oldest first; lines that a power cut broke are left out."""
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        attempts = []
        for line in lines:
            with suppress(ValueError, TypeError):
                attempts.append(Attempt(**json.loads(line)))
        return attempts


def last_activated(attempts: Sequence[Attempt]) -> list[str]:
    """Versions in the order of their last activation, the latest first."""
    versions = [attempt.version for attempt in reversed(attempts) if attempt.outcome == "activated"]
    return list(dict.fromkeys(versions))
