"""The systemd service of the default prefix: its unit comes with the release, its configuration stays."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.child_process import Identity, unprivileged
from deploy.device.release_store import DEFAULT_PREFIX, ReleaseStore
from edge.errors import DeployError, UnhealthyError

NAME = "mien.service"
#: The beginning of a unit that `mien service install` has written, on a board without releases.
OWN_UNIT_MARK = b"# Written by `mien service install`"
#: Exists where systemd is the init process: sd_booted(3).
_BOOTED = Path("/run/systemd/system")
#: States of a service that somebody wants to run; "activating" also covers the pause between two restarts of a release
#: that does not start.
_RUNNING = ("active", "activating", "reloading", "deactivating")
_PROPERTIES = ("ActiveState", "SubState", "Result", "NRestarts", "StatusText")
#: Seconds that the journal may take, and the longest line of it that is repeated.
_JOURNAL_LIMIT_S, _LONGEST_LINE = 30.0, 300


class Service:
    """The service that systemd runs from a release store. Only the default prefix has one.

    Args:
        store: where mien is installed.
        root: of the file system; another one in tests.
    """

    def __init__(self, store: ReleaseStore, root: Path = Path("/")) -> None:
        self._unit = root / "etc/systemd/system" / NAME
        self._config = root / "etc/mien/mien.toml"
        self._is_managed = store.path == DEFAULT_PREFIX and os.geteuid() == 0

    @property
    def config(self) -> Path | None:
        """The configuration that the service reads; None where there is none yet."""
        return self._config if self._is_managed and self._config.is_file() else None

    @property
    def identity(self) -> Identity | None:
        """The user as whom a release is tried: one without rights, as systemd starts it. None is the present user."""
        return unprivileged() if self._is_managed else None

    def require_free(self) -> None:
        """Check that no other installation of mien has this service: a release would replace its unit.

        Raises:
            DeployError: `mien service install` has written the unit.
        """
        if self._is_managed and self._unit.is_file() and self._unit.read_bytes().startswith(OWN_UNIT_MARK):
            raise DeployError(
                f"`mien service install` has made the service of this device: expected none; remove it with  "
                f"sudo mien service uninstall --keep-config  ({self._config} stays), then install the bundle again"
            )

    @property
    def is_running(self) -> bool:
        """Whether systemd runs the service, or tries to."""
        return self._is_managed and _BOOTED.is_dir() and self._active_state() in _RUNNING

    def state(self) -> dict[str, str]:
        """Properties of the service, as `systemctl show` has them: `ActiveState`, `NRestarts` and others."""
        done = systemctl("show", f"--property={','.join(_PROPERTIES)}", NAME)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def last_words(self) -> str:
        """The last line that the service has written to the journal, after a colon; empty where there is none."""
        line = last_journal_line(_JOURNAL_LIMIT_S)[:_LONGEST_LINE]
        return f": {line}" if line else ""

    def update(self, release: Path, was_running: bool = False) -> str:
        """Install the unit of the release that has become current, and restart the service if it runs.

        Args:
            release: that has become current.
            was_running: restart a service that has stopped, too: another release has failed in between.

        Returns:
            What was done, or what is left to do, in words.

        Raises:
            UnhealthyError: the service was running before and no longer starts.
        """
        if not self._is_managed or not _BOOTED.is_dir():
            return ""
        if not self._config.exists():
            self._config.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._config, (release / "config/mien.toml").read_bytes())
        unit = (release / "systemd" / NAME).read_bytes()
        if not self._unit.is_file() or self._unit.read_bytes() != unit:
            write_file(self._unit, unit)
            systemctl("daemon-reload")
        state = self._active_state()
        if state not in _RUNNING and not was_running:
            return f"start it with  sudo systemctl enable --now {NAME.removesuffix('.service')}"
        done = systemctl("restart", NAME)
        if done.returncode and state != "active" and not was_running:
            return "the service was not running before, and does not start now: see  journalctl -u mien"
        if done.returncode:
            raise UnhealthyError(f"the service no longer starts: {(done.stderr.splitlines() or ['?'])[0]}")
        return "the service was restarted"

    def _active_state(self) -> str:
        return systemctl("is-active", NAME).stdout.strip()


def last_journal_line(limit_s: float, *matches: str) -> str:
    """The last line that the service has written to the journal; empty where there is none, or it cannot be read.

    Args:
        limit_s: seconds that the journal may take.
        matches: more fields that its entry must have, such as `_SYSTEMD_INVOCATION_ID=...`.
    """
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20", f"_SYSTEMD_UNIT={NAME}", *matches]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return lines[-1].removeprefix("mien: ") if lines else ""


def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `systemctl`; what it prints is text, and its exit status is not checked."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True)
