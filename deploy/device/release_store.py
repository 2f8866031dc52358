"""The folder that mien is installed into, and the releases in it.

::

    /opt/mien/
    ├── current -> releases/0.2.0       the release that runs; changed by one rename
    ├── releases/0.2.0/                 complete: a folder gets its final name once all of it is on the disk
    │   ├── venv/                       its own environment; venv/bin/mien finds the folders beside it
    │   ├── models/ weights/            from the bundle
    │   ├── config/ systemd/ licences/  from the bundle
    │   ├── manifest.json manifest.sig
    │   └── installed.json              the hash of every file, see installed_files
    ├── releases/.staging               a release that is being installed, or was when the power went
    └── state/
        ├── history.jsonl               installations and rollbacks, and their outcome
        ├── trusted.pub                 the keys whose bundles may be installed here
        ├── revoked                     identifiers of keys that are never trusted again
        ├── newest                      the newest version that was ever installed
        └── lock
"""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from deploy.device.atomic_io import exchange, replace_symlink, sync_filesystem, sync_path, write_file
from deploy.device.checked_bundle import MANIFEST
from deploy.device.manifest import Manifest, parse_manifest
from deploy.device.version import version_key
from edge.errors import BundleError, DeployError

DEFAULT_PREFIX = Path("/opt/mien")
_STAGING, _TRASH = ".staging", ".trash"


class ReleaseStore:
    """The releases below one installation prefix.

    Args:
        path: the prefix; need not exist.

    Attributes:
        path, releases, state: the prefix and the folders in it.
        current: the link to the current release.
    """

    def __init__(self, path: Path) -> None:
        # Absolute, since it is written into scripts; symbolic links in it are the user's choice and stay.
        self.path = Path.cwd() / path
        self.releases, self.state, self.current = (self.path / name for name in ("releases", "state", "current"))

    def create(self) -> None:
        """Create the folders where they do not exist.

        Raises:
            DeployError: this user cannot create them.
        """
        try:
            for folder in (self.releases, self.state):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DeployError(
                f"cannot write {self.path}: {error.strerror or error}: expected a folder that you may write; use sudo, "
                "or another --prefix"
            ) from error

    def current_version(self) -> str | None:
        """The version of the current release; None where no complete release is current."""
        try:
            target = self.current.readlink()
        except OSError:
            return None
        is_release = target.parts[:-1] == ("releases",) and (self.path / target / MANIFEST).is_file()
        return target.name if is_release else None

    def versions(self) -> list[str]:
        """The versions of all installed releases, the oldest folder first."""
        found = [path.parent for path in self.releases.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
        return [path.name for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def release(self, version: str) -> Path:
        """The folder of a version."""
        return self.releases / version

    def manifest(self, version: str) -> Manifest:
        """The manifest of an installed release.

        Raises:
            BundleError: the release is not installed, or is damaged; or the text is not a version, such as a path.
        """
        version_key(version)
        try:
            return parse_manifest((self.release(version) / MANIFEST).read_bytes())
        except OSError as error:
            installed = ", ".join(self.versions()) or "none is installed"
            raise BundleError(f"there is no release {version}: expected one of {installed}") from error

    def create_staging(self) -> Path:
        """Create an empty folder for a release that is being installed."""
        staging = self.releases / _STAGING
        staging.mkdir(mode=0o755)
        return staging

    def publish(self, staging: Path, version: str) -> None:
        """Give a staged release its final name, once everything in it is on the disk."""
        # One call for thousands of files, most of which pip wrote.
        sync_filesystem(staging)
        release = self.release(version)
        if release.exists():
            # A damaged release of the same version, or a folder without a manifest. It may be the current one, so
            # there is no moment without a release.
            try:
                exchange(staging, release)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                self.remove(version)
                staging.rename(release)
            sync_path(self.releases)
            shutil.rmtree(staging, ignore_errors=True)
        else:
            staging.rename(release)
            sync_path(self.releases)

    def floor(self) -> str | None:
        """The newest version that was ever installed; None before the first installation."""
        versions = [self.current_version() or ""]
        with suppress(OSError):
            versions.append((self.state / "newest").read_text("ascii", "replace").strip())
        known = []
        for version in versions:
            with suppress(BundleError):
                known.append((version_key(version), version))
        return max(known)[1] if known else None

    def raise_floor(self, version: str) -> None:
        """Remember a version, if it is the newest one so far."""
        floor = self.floor()
        if floor is None or version_key(version) >= version_key(floor):
            write_file(self.state / "newest", f"{version}\n".encode())

    def switch(self, version: str) -> None:
        """Make a release the current one."""
        replace_symlink(self.current, f"releases/{version}")

    def remove(self, version: str) -> None:
        """Remove a release; its name goes first, so that a half-removed release never looks complete."""
        trash = self.releases / _TRASH
        shutil.rmtree(trash, ignore_errors=True)
        self.release(version).rename(trash)
        sync_path(self.releases)
        shutil.rmtree(trash, ignore_errors=True)

    def clean_up(self) -> None:
        """Remove what an installer that was killed left behind. To be called under the lock only."""
        for name in (_STAGING, _TRASH):
            shutil.rmtree(self.releases / name, ignore_errors=True)
        for path in (*self.path.glob(".*.new"), *self.state.glob(".*.new")):
            path.unlink(missing_ok=True)
