"""Installs a bundle: verify it, try it, then make it current by one rename; if anything fails, nothing has changed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.device.atomic_io import fixed_umask
from deploy.device.checked_bundle import MANIFEST, SIGNATURE, CheckedBundle
from deploy.device.health_gate import FRAMES, LIMIT_S, check_health
from deploy.device.history import History, activated_versions
from deploy.device.host_checks import check_room, find_python
from deploy.device.installed_files import find_damage, record_files
from deploy.device.lock import exclusive_lock
from deploy.device.manifest import Manifest
from deploy.device.probation import PROBATION_S, Probation, ProbationFile, boot_id
from deploy.device.probation_unit import ProbationUnit
from deploy.device.progress import StepReporter, ignore_step
from deploy.device.release import make_environment, relocate
from deploy.device.release_store import ReleaseStore
from deploy.device.service import Service
from deploy.device.signature import find_signer
from deploy.device.trusted_keys import TrustedKeys, read_change
from deploy.device.version import version_key
from edge.errors import BundleError, DeployError, MienError, UnhealthyError

#: Releases that stay on the disk, the current one included.
KEPT_RELEASES = 3


@dataclass(frozen=True)
class InstallOptions:
    """Options of an installation.

    Attributes:
        public_key: PEM file of the key, or keys, of which one must have signed the bundle; None is those that the store
            trusts.
        allow_older: also install a version older than the newest one that was ever installed.
        frames: inferences that the health gate must finish.
        limit_s: seconds allowed for them.
        probation_s: seconds for which the service must then run; 0 ends with the installation.
        watcher: source of the program that sees to it, see `deploy.device.probation_unit`; None: nothing does.
    """

    public_key: Path | None = None
    allow_older: bool = False
    frames: int = FRAMES
    limit_s: float = LIMIT_S
    probation_s: float = PROBATION_S
    watcher: bytes | None = None


@fixed_umask()
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
    history, trust = History(store.state), TrustedKeys(store.state)
    report_step("lock")
    with exclusive_lock(store.state / "lock"):
        before = store.current_version()
        report_step("verify")
        with _recorded(history, "refused", "", before):
            bundle = CheckedBundle(path, trust.accepted(options.public_key))
        with bundle:
            manifest = bundle.manifest
            report_step("check")
            with _recorded(history, "refused", manifest.version, before):
                _check_order(store, manifest, before, options)
                Service(store).require_free()
                damage = _find_installed(store, bundle)
                is_unpacked = damage == ""
                python = find_python(manifest)
                if not is_unpacked:
                    check_room(store.path, manifest)
            if is_unpacked and manifest.version == before:
                return f"{manifest.version} is the current release already"
            report_step("begin")
            history.add("install", "started", manifest.version, before, f"to repair it: {damage}" if damage else "")
            with _recorded(history, "failed", manifest.version, before):
                report_step("clean")
                store.clean_up()
                if not is_unpacked:
                    _make_release(bundle, store, python, report_step)
        try:
            return _activate(store, bundle, before, options, history, report_step)
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
        # It may have secrets, and only who installs copies it.
        (staging / "config" / "mien.toml").chmod(0o600)
        record_files(staging)
        report_step("publish")
        store.publish(staging, bundle.manifest.version)
    except BaseException:
        store.clean_up()
        raise


def _activate(
    store: ReleaseStore,
    bundle: CheckedBundle,
    before: str | None,
    options: InstallOptions,
    history: History,
    report_step: StepReporter,
) -> str:
    manifest, service, trust = bundle.manifest, Service(store), TrustedKeys(store.state)
    version = manifest.version
    release = store.release(version)
    with _recorded(history, "failed", version, before):
        change = read_change(release)
        trust.check(bundle.public_keys, change)
        report_step("health")
        check_health(release, manifest, options.frames, options.limit_s, service.config, service.identity)
        report_step("trust")
        trust.apply(bundle.public_keys, change)
        store.raise_floor(version)
        report_step("switch")
        # Its record comes first: if the power is cut after the switch, the release is on probation.
        probation = _begin_probation(store, manifest, before, service, options)
        store.switch(version)
    report_step("record")
    history.add("install", "activated", version, before)
    report_step("service")
    try:
        note = service.update(release)
    except UnhealthyError as error:
        _end_probation(store)
        raise _revert(store, version, before, service, history, str(error)) from error
    if probation is not None:
        restarts = int(service.state().get("NRestarts") or 0)
        ProbationFile(store.state).write(replace(probation, restarts=restarts))
        ProbationUnit(store).start()
        note = f"{note}; it is on probation for {probation.duration_s:g} s"
    report_step("prune")
    prune(store, history)
    report_step("done")
    return summary(version, before, note)


def _begin_probation(
    store: ReleaseStore, manifest: Manifest, before: str | None, service: Service, options: InstallOptions
) -> Probation | None:
    """Prepare the probation of a release, if a service runs that it could fail, and a release is there to go back to.

    That of an earlier release is over, because that release is no longer current.
    """
    _end_probation(store)
    if options.probation_s <= 0 or options.watcher is None:
        return None
    if before is None or before == manifest.version or not service.is_running:
        return None
    probation = Probation(manifest.version, before, options.probation_s, boot=boot_id())
    ProbationUnit(store).prepare(find_python(manifest), options.watcher)
    ProbationFile(store.state).write(probation)
    return probation


def _end_probation(store: ReleaseStore) -> None:
    record, unit = ProbationFile(store.state), ProbationUnit(store)
    if record.path.exists():
        # It would take the switch to another release for its end, and remove the record of the next probation.
        unit.stop()
        record.clear()
        unit.remove()


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


def _check_order(store: ReleaseStore, manifest: Manifest, before: str | None, options: InstallOptions) -> None:
    """Reject a release older than the newest one that was ever installed: it may have a flaw that was fixed since."""
    floor = store.floor()
    if floor is None or options.allow_older or manifest.version == before:
        return
    if version_key(manifest.version) < version_key(floor):
        current = "the current" if floor == before else "the release that was installed before,"
        raise BundleError(f"{manifest.version} is older than {current} {floor}: add --allow-older to install it anyway")


def _find_installed(store: ReleaseStore, bundle: CheckedBundle) -> str | None:
    """Look for the very same release among those that are installed.

    Returns:
        What is damaged in it, in words; an empty string for a release as it was installed; None where there is none.
    """
    version = bundle.manifest.version
    try:
        installed = (store.release(version) / MANIFEST).read_bytes()
    except OSError:
        return None
    if installed == bundle.manifest_bytes:
        return find_damage(store.release(version)) or ""
    try:
        trusted = [*bundle.public_keys, *TrustedKeys(store.state).trusted()]
        find_signer(installed, (store.release(version) / SIGNATURE).read_bytes(), trusted)
    except (BundleError, OSError):
        return f"{MANIFEST} has changed"
    raise BundleError(f"another release {version} is installed already: build the bundle with a different --version")


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
