"""The folder that mien is installed into.

::

    /opt/mien/
    ├── current -> releases/0.2.0       what runs; changed by one rename
    ├── releases/0.2.0/                 whole: a folder gets its name here when all of it is on the disk
    │   ├── venv/                       its own environment; venv/bin/mien knows the folders beside it
    │   ├── models/ weights/            of the bundle
    │   ├── config/ systemd/ licences/  of the bundle
    │   └── manifest.json manifest.sig
    ├── releases/.staging               one that is being made, or was when the power went
    └── state/
        ├── history.jsonl               what was tried, and how it ended
        ├── trusted.pub                 whose bundles are installed here
        └── lock
"""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.device.atomic_io import point, sync_disk, sync_path
from deploy.device.checked_bundle import MANIFEST
from deploy.device.manifest import Manifest, parse_manifest
from edge.errors import BundleError, DeployError

DEFAULT_PREFIX = Path("/opt/mien")
_STAGING, _TRASH = ".staging", ".trash"


class Prefix:
    """The folder that mien is installed into.

    Args:
        path: it; need not be there.

    Attributes:
        path, releases, state, current: the folder, those in it, and the link.
    """

    def __init__(self, path: Path) -> None:
        # Absolute, since it is written into scripts; links in it are the user's own affair.
        self.path = Path.cwd() / path
        self.releases, self.state, self.current = (self.path / name for name in ("releases", "state", "current"))

    def make(self) -> None:
        """Make the folders.

        Raises:
            DeployError: not here, or not by this user.
        """
        try:
            for folder in (self.releases, self.state):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DeployError(
                f"cannot write {self.path}: {error.strerror or error}: expected a folder of yours; run it by sudo, or "
                "name another --prefix"
            ) from error

    def current_version(self) -> str | None:
        """The version that `current` points to; None where nothing whole is installed."""
        try:
            target = self.current.readlink()
        except OSError:
            return None
        is_release = target.parts[:-1] == ("releases",) and (self.path / target / MANIFEST).is_file()
        return target.name if is_release else None

    def versions(self) -> list[str]:
        """The versions of the releases that are here, oldest folder first."""
        found = [path.parent for path in self.releases.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
        return [path.name for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def release(self, version: str) -> Path:
        """The folder of a version."""
        return self.releases / version

    def manifest(self, version: str) -> Manifest:
        """What a release that is here is.

        Raises:
            BundleError: it is not here, or damaged.
        """
        try:
            return parse_manifest((self.release(version) / MANIFEST).read_bytes())
        except OSError as error:
            raise BundleError(f"there is no release {version}: expected one of {', '.join(self.versions())}") from error

    def new_staging(self) -> Path:
        """An empty folder for a release that is being made."""
        staging = self.releases / _STAGING
        staging.mkdir(mode=0o755)
        return staging

    def finish(self, staging: Path, version: str) -> None:
        """Give a release its name, once everything in it is on the disk."""
        # One call for thousands of files, most of which pip wrote.
        sync_disk(staging)
        # A folder without a manifest, which nothing of ours leaves there.
        shutil.rmtree(self.release(version), ignore_errors=True)
        staging.rename(self.release(version))
        sync_path(self.releases)

    def switch(self, version: str) -> None:
        """Make a release the current one."""
        point(self.current, f"releases/{version}")

    def remove(self, version: str) -> None:
        """Remove a release: first its name, so that half of one never looks whole."""
        trash = self.releases / _TRASH
        shutil.rmtree(trash, ignore_errors=True)
        self.release(version).rename(trash)
        sync_path(self.releases)
        shutil.rmtree(trash, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what an installer that was killed left behind. Only under the lock."""
        for name in (_STAGING, _TRASH):
            shutil.rmtree(self.releases / name, ignore_errors=True)
        for path in (*self.path.glob(".*.new"), *self.state.glob(".*.new")):
            path.unlink(missing_ok=True)
