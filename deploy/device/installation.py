"""Installs a bundle: verify it, try it, then make it current by one rename; if anything fails, nothing has changed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.checked_bundle import MANIFEST, CheckedBundle
from deploy.device.health_gate import FRAMES, LIMIT_S, check_health
from deploy.device.history import History, activated_versions
from deploy.device.host_checks import check_room, find_python
from deploy.device.lock import exclusive_lock
from deploy.device.manifest import Manifest
from deploy.device.progress import StepReporter, ignore_step
from deploy.device.release import make_environment, relocate
from deploy.device.release_store import ReleaseStore
from deploy.device.service import Service
from deploy.device.version import version_key
from edge.errors import BundleError, DeployError, MienError, UnhealthyError

#: Releases that stay on the disk, the current one included.
KEPT_RELEASES = 3


@dataclass(frozen=True)
class InstallOptions:
    """Options of an installation.

    Attributes:
        public_key: PEM file of the key that must have signed the bundle; None is the key that the store trusts.
        allow_older: also install a version older than the current one.
        frames: inferences that the health gate must finish.
        limit_s: seconds allowed for them.
    """

    public_key: Path | None = None
    allow_older: bool = False
    frames: int = FRAMES
    limit_s: float = LIMIT_S


def install(path: Path, store: ReleaseStore, options: InstallOptions, report_step: StepReporter = ignore_step) -> str:
    """Install a bundle.

    Args:
        path: the bundle.
        store: to install into; created if it does not exist.
        options: of the installation.
        report_step: called with the name of each step before the step is taken.

    Returns:
        What was done, in one line.

    Raises:
        BundleError: the bundle cannot be trusted, or is for another machine.
        UnhealthyError: the release does not work here. The old release stays current.
        DeployError: anything else failed. The old release stays current.
    """
    store.create()
    history = History(store.state)
    report_step("lock")
    with exclusive_lock(store.state / "lock"):
        before = store.current_version()
        report_step("verify")
        with _recorded(history, "refused", "", before):
            key = _public_key(store, options)
            bundle = CheckedBundle(path, key)
        with bundle:
            manifest = bundle.manifest
            report_step("check")
            with _recorded(history, "refused", manifest.version, before):
                _check_order(manifest, before, options)
                is_unpacked = _is_unpacked(store, bundle)
                python = find_python(manifest)
                if not is_unpacked:
                    check_room(store.path, manifest)
            if is_unpacked and manifest.version == before:
                return f"{manifest.version} is the current release already"
            report_step("begin")
            history.add("install", "started", manifest.version, before)
            with _recorded(history, "failed", manifest.version, before):
                report_step("clean")
                store.clean_up()
                if not is_unpacked:
                    _make_release(bundle, store, python, report_step)
        try:
            return _activate(store, manifest, before, key, options, history, report_step)
        except BaseException:
            # It would work no better the next time. A release that was installed before stays, for a rollback.
            if not is_unpacked and store.current_version() != manifest.version:
                store.remove(manifest.version)
            raise


def _make_release(bundle: CheckedBundle, store: ReleaseStore, python: Path, report_step: StepReporter) -> None:
    report_step("unpack")
    staging = store.create_staging()
    try:
        bundle.unpack(staging)
        report_step("environment")
        make_environment(python, staging)
        report_step("relocate")
        relocate(staging, store.release(bundle.manifest.version))
        report_step("publish")
        store.publish(staging, bundle.manifest.version)
    except BaseException:
        store.clean_up()
        raise


def _activate(
    store: ReleaseStore,
    manifest: Manifest,
    before: str | None,
    key: bytes,
    options: InstallOptions,
    history: History,
    report_step: StepReporter,
) -> str:
    version, service = manifest.version, Service(store)
    release = store.release(version)
    with _recorded(history, "failed", version, before):
        report_step("health")
        check_health(release, manifest, options.frames, options.limit_s, service.config)
        report_step("trust")
        write_file(store.state / "trusted.pub", key)
        report_step("switch")
        store.switch(version)
    report_step("record")
    history.add("install", "activated", version, before)
    report_step("service")
    try:
        note = service.update(release)
    except UnhealthyError as error:
        raise _revert(store, version, before, service, history, str(error)) from error
    report_step("prune")
    prune(store, history)
    report_step("done")
    return summary(version, before, note)


def summary(version: str, before: str | None, note: str) -> str:
    """What was done, in one line: the release that is current, the one before it, and a note about the service."""
    return "; ".join(filter(None, (f"{version} is the current release", before and f"it replaces {before}", note)))


def prune(store: ReleaseStore, history: History) -> list[str]:
    """Remove all but `KEPT_RELEASES` releases: the current one stays, and those that were current most recently.

    Returns:
        The versions removed.
    """
    current, ranked = store.current_version(), activated_versions(history.read())
    # Releases that were never activated, or that the history no longer mentions, come last, the newest first.
    others = [version for version in reversed(store.versions()) if version not in ranked]
    order = [v for v in (*ranked, *others) if v != current and store.release(v).is_dir()]
    removed = order[KEPT_RELEASES - 1 :]
    for version in removed:
        store.remove(version)
    return removed


def _revert(
    store: ReleaseStore, version: str, before: str | None, service: Service, history: History, reason: str
) -> UnhealthyError:
    """Make the old release current again, because the service ran with it and does not run with the new one."""
    history.add("install", "unhealthy", version, before, reason)
    if before is None:
        return UnhealthyError(reason)
    store.switch(before)
    history.add("rollback", "activated", before, version, reason)
    try:
        note = service.update(store.release(before))
    except UnhealthyError as error:
        note = str(error)
    return UnhealthyError(f"{reason}; {before} is current again: {note}")


def _public_key(store: ReleaseStore, options: InstallOptions) -> bytes:
    path = options.public_key or store.state / "trusted.pub"
    try:
        return path.read_bytes()
    except OSError as error:
        if options.public_key is None:
            raise DeployError(
                f"{store.path} has no trusted key yet: pass the key that signed the bundle with --pubkey FILE"
            ) from error
        raise DeployError(f"cannot read the public key {path}: {error.strerror or error}") from error


def _check_order(manifest: Manifest, before: str | None, options: InstallOptions) -> None:
    if before is None or options.allow_older or version_key(manifest.version) >= version_key(before):
        return
    raise BundleError(f"{manifest.version} is older than the current {before}: add --allow-older to install it anyway")


def _is_unpacked(store: ReleaseStore, bundle: CheckedBundle) -> bool:
    """Whether the very same release has been installed before and is still on the disk."""
    version = bundle.manifest.version
    try:
        installed = (store.release(version) / MANIFEST).read_bytes()
    except OSError:
        return False
    if installed != bundle.manifest_bytes:
        raise BundleError(
            f"another release {version} is installed already: build the bundle with a different --version"
        )
    return True


@contextmanager
def _recorded(history: History, outcome: str, version: str, before: str | None) -> Iterator[None]:
    """Record the reason of a failure in the history, and raise it as one of mien's errors."""
    try:
        yield
    except MienError as error:
        history.add(
            "install", "unhealthy" if isinstance(error, UnhealthyError) else outcome, version, before, str(error)
        )
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            reason = "no space left on the disk: free some space and install again"
        else:
            reason = f"{error.strerror or error}: {error.filename or 'a file'}"
        history.add("install", outcome, version, before, reason)
        raise DeployError(reason) from error
    except BaseException as error:
        history.add("install", outcome, version, before, f"stopped by {type(error).__name__}")
        raise
