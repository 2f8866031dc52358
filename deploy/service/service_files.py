"""The files of the service: what an installation writes, and what systemd creates for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.device.release_store import DEFAULT_PREFIX
from deploy.device.service import NAME
from edge.errors import DeployError

#: The working directory of the service, as the unit has it.
WORKING_DIRECTORY = Path("/var/lib/mien")


@dataclass(frozen=True)
class ServiceFiles:
    """The paths below one root of the file system.

    Attributes:
        root: of the file system; another one in tests.
    """

    root: Path = Path("/")

    @property
    def unit(self) -> Path:
        """The unit."""
        return self.root / "etc/systemd/system" / NAME

    @property
    def drop_ins(self) -> Path:
        """The folder of the unit's drop-ins, which `systemctl edit` writes."""
        return self.unit.with_name(f"{NAME}.d")

    @property
    def settings(self) -> Path:
        """The folder of configuration and secrets."""
        return self.root / "etc/mien"

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.settings / "mien.toml"

    @property
    def credentials(self) -> Path:
        """The folder of the secrets, which only root reads."""
        return self.settings / "credentials"

    @property
    def cache(self) -> Path:
        """The service's cache, with the weights of the detectors.

        With DynamicUser, systemd keeps it here, gives it to the service's user, and makes `/var/cache/mien` a link to
        it. A folder that is there already is used.
        """
        link, folder = self.root / "var/cache/mien", self.root / "var/cache/private/mien"
        return link if link.exists() else folder

    @property
    def data(self) -> tuple[Path, ...]:
        """Where systemd keeps the files that the service writes.

        With DynamicUser, the last two are folders, and the first two are links to them.
        """
        names = ("var/lib/mien", "var/cache/mien", "var/lib/private/mien", "var/cache/private/mien")
        return tuple(self.root / name for name in names)

    @property
    def has_release(self) -> bool:
        """Whether `mien deploy` has installed a release on this machine."""
        return os.path.lexists(self.root / DEFAULT_PREFIX.relative_to("/") / "current")

    def shown(self, path: Path) -> str:
        """A path as the machine itself has it, for messages."""
        return f"/{path.relative_to(self.root)}"

    def require_systemd(self) -> None:
        """Check that systemd is the init process: sd_booted(3).

        Raises:
            DeployError: it is not.
        """
        if not (self.root / "run/systemd/system").is_dir():
            raise DeployError(
                "systemd does not run this system, as in most containers: expected one that systemd has booted; "
                "without it, start `mien run` from your own service manager"
            )
