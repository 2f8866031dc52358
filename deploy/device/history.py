"""The record of installations and rollbacks, in a file: Raspberry Pi OS loses its journal when the power goes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.device.atomic_io import append_line, write_file

#: Entries that are kept; the file is cut back to them once it holds twice as many.
_KEPT_ENTRIES = 200


@dataclass(frozen=True)
class HistoryEntry:
    """One line of the history.

    Attributes:
        time: of the device's clock, in UTC; wrong on a Raspberry Pi until the network has set its clock.
        action: `install`, `rollback` or `probation`.
        outcome: `started`, `activated`, `refused` (before anything was changed), `unhealthy`, `failed`, or `passed` (a
            probation).
        version: of the release to install; empty where the bundle could not be trusted to name it.
        before: version of the release that was current at the time; empty where there was none.
        reason: why it did not succeed, in one line.
    """

    time: str
    action: str
    outcome: str
    version: str
    before: str
    reason: str = ""


class History:
    """The history of one release store.

    Args:
        folder: of the store's state.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history.jsonl"

    def add(self, action: str, outcome: str, version: str, before: str | None, reason: str = "") -> None:
        """Append an entry. A disk that cannot be written does not stop an installation."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entry = HistoryEntry(now, action, outcome, version, before or "", reason)
        with suppress(OSError):
            append_line(self._path, json.dumps(asdict(entry), ensure_ascii=False))
            lines = self._path.read_bytes().splitlines(keepends=True)
            if len(lines) > 2 * _KEPT_ENTRIES:
                write_file(self._path, b"".join(lines[-_KEPT_ENTRIES:]))

    def read(self) -> list[HistoryEntry]:
        """The entries, oldest first; lines that are damaged, or that a power cut left incomplete, are skipped."""
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        entries = []
        for line in lines:
            with suppress(ValueError, TypeError, AttributeError, RecursionError):
                values = json.loads(line)
                if all(isinstance(value, str) for value in values.values()):
                    entries.append(HistoryEntry(**values))
        return entries


def activated_versions(entries: Sequence[HistoryEntry]) -> list[str]:
    """The versions that were activated, the latest activation first and each version once."""
    versions = [entry.version for entry in reversed(entries) if entry.outcome == "activated"]
    return list(dict.fromkeys(versions))
