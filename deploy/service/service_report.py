"""The state of the service, for people and for programs."""

from __future__ import annotations

import time
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.service.service_files import ServiceFiles
from deploy.service.service_unit import Owner, unit_owner
from deploy.service.systemctl import Systemd
from edge.errors import WrongUseError
from edge.preview import page_url, parse_address


@dataclass(frozen=True)
class ServiceReport:
    """What `mien service status` shows.

    Attributes:
        installed_by: who has written the unit: `service` and `deploy` are mien's commands.
        state: systemd's word: `active`, `activating`, `failed`, `inactive`; `not installed` without a unit.
        is_enabled: whether it starts with the system.
        since: when it entered this state, in ISO 8601 with the offset of UTC; None where it never has.
        restarts: how many times systemd has restarted it.
        status: the last status that the daemon has reported, such as its frame rate.
        last_line: the last line that it has written to the journal; this user may not be allowed to read it.
        config: path of the configuration; None where there is none.
        preview: URL of the page; None without one, or where this user cannot read the configuration.
    """

    installed_by: Owner
    state: str
    is_enabled: bool
    since: str | None
    restarts: int
    status: str
    last_line: str
    config: str | None
    preview: str | None

    def as_json(self) -> dict[str, Any]:
        """The report as one object of `mien service status --json`."""
        return asdict(self)

    def as_text(self) -> str:
        """The report as a few lines."""
        if self.state == "not installed":
            return "no service is installed: sudo mien service install"
        starts = "starts with the system" if self.is_enabled else "does not start with the system"
        since = f" since {self.since}" if self.since else ""
        rows = {
            "service": f"{self.state}{since}; {starts}",
            "status": self.status,
            "restarts": str(self.restarts) if self.restarts else "",
            "last line": self.last_line,
            "configuration": self.config or "",
            "preview": self.preview or "",
            "made by": {"service": "", "deploy": "mien deploy"}.get(self.installed_by, "somebody else"),
        }
        return "\n".join(f"{title:<14} {text}" for title, text in rows.items() if text)


def read_report(files: ServiceFiles, systemd: Systemd) -> ServiceReport:
    """Ask systemd about the service, and read the address of the preview from the configuration.

    Raises:
        DeployError: systemd does not answer.
    """
    properties = systemd.properties()
    is_installed = properties.get("LoadState") != "not-found"
    return ServiceReport(
        installed_by=unit_owner(files),
        state=properties.get("ActiveState", "unknown") if is_installed else "not installed",
        is_enabled=properties.get("UnitFileState") == "enabled",
        since=_since(int(properties.get("StateChangeTimestampMonotonic", "0"))),
        restarts=int(properties.get("NRestarts", "0")),
        status=properties.get("StatusText", ""),
        last_line=systemd.last_line(properties.get("InvocationID", "")) if is_installed else "",
        config=files.shown(files.config) if files.config.is_file() else None,
        preview=_preview(files),
    )


def _preview(files: ServiceFiles) -> str | None:
    with suppress(OSError, ValueError, RecursionError, WrongUseError):
        address = tomllib.loads(files.config.read_text("utf-8")).get("preview")
        return None if address is None else page_url(*parse_address(str(address)))
    return None


def _since(monotonic_us: int) -> str | None:
    """The time at which the monotonic clock had a value, in local time; None for zero, which is systemd's `never`."""
    if not monotonic_us:
        return None
    elapsed_s = time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic_us / 1e6
    return datetime.fromtimestamp(time.time() - elapsed_s, UTC).astimezone().isoformat(timespec="seconds")
