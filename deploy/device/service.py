"""The systemd service of the default prefix: its unit comes with the release, its configuration stays."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.release_store import DEFAULT_PREFIX, Prefix
from edge.errors import UnhealthyError

NAME = "mien.service"
#: It exists where systemd is the first process: sd_booted(3).
_BOOTED = Path("/run/systemd/system")


class Service:
    """What systemd runs of a prefix. Of any but the default one it runs nothing.

    Args:
        prefix: where mien is installed.
        root: of the file system; another one in tests.
    """

    def __init__(self, prefix: Prefix, root: Path = Path("/")) -> None:
        self._unit = root / "etc/systemd/system" / NAME
        self._config = root / "etc/mien/mien.toml"
        self._is_ours = prefix.path == DEFAULT_PREFIX and os.geteuid() == 0

    @property
    def config(self) -> Path | None:
        """The configuration that the service reads; None where there is none yet."""
        return self._config if self._is_ours and self._config.is_file() else None

    def adopt(self, release: Path) -> str:
        """Let systemd run a release that has become the current one.

        Returns:
            What was done, or is still to do, in words.

        Raises:
            UnhealthyError: the service was running before and does not any more.
        """
        if not self._is_ours or not _BOOTED.is_dir():
            return ""
        if not self._config.exists():
            self._config.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._config, (release / "config/mien.toml").read_bytes())
        unit = (release / "systemd" / NAME).read_bytes()
        if not self._unit.is_file() or self._unit.read_bytes() != unit:
            write_file(self._unit, unit)
            _systemctl("daemon-reload")
        # "activating" is also one between two tries, since the release before did not start.
        state = _systemctl("is-active", NAME).stdout.strip()
        if state not in ("active", "activating", "reloading", "deactivating"):
            return f"start it by  sudo systemctl enable --now {NAME.removesuffix('.service')}"
        done = _systemctl("restart", NAME)
        if done.returncode and state != "active":
            return "the service did not run before, and does not start now: see  journalctl -u mien"
        if done.returncode:
            raise UnhealthyError(f"the service does not start any more: {(done.stderr.splitlines() or ['?'])[0]}")
        return "the service was restarted"


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True)
