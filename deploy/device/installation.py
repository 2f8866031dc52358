"""Install a bundle: checked first, tried next, made current by one rename; else nothing has changed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.health_gate import FRAMES, LIMIT_S, check_health
from deploy.device.history import History, last_activated
from deploy.device.host_checks import check_room, find_python
from deploy.device.lock import only_one
from deploy.device.manifest import Manifest
from deploy.device.progress import Announce, say_nothing
from deploy.device.release import make_environment, settle
from deploy.device.release_store import Prefix
from deploy.device.service import Service
from deploy.device.version import version_key
from edge.errors import BundleError, DeployError, MienError, UnhealthyError

#: Releases that stay on the disk, the current one among them.
KEPT_RELEASES = 3


@dataclass(frozen=True)
class InstallOptions:
    """How to install.

    Attributes:
        public_key: PEM file of the key that must have signed; None: the one that the prefix trusts.
        allow_older: also a version before the current one.
        frames: inferences of the health gate.
        limit_s: seconds that it has.
    """

    public_key: Path | None = None
    allow_older: bool = False
    frames: int = FRAMES
    limit_s: float = LIMIT_S


def install(path: Path, prefix: Prefix, options: InstallOptions, announce: Announce = say_nothing) -> str:
    """Install a bundle.

    Args:
        path: the bundle.
        prefix: to install into; made where it is not there.
        options: how.
        announce: called with the name of each step before it is taken.

    Returns:
        What was done, in one line.

    Raises:
        BundleError: it cannot be trusted, or is for another machine.
        UnhealthyError: it does not work here. The old release is the current one.
        DeployError: anything else; likewise.
    """
    prefix.make()
    history = History(prefix.state)
    announce("lock")
    with only_one(prefix.state / "lock"):
        before = prefix.current_version()
        announce("verify")
        with _told(history, "refused", "", before):
            key = _public_key(prefix, options)
            bundle = CheckedBundle(path, key)
        with bundle:
            manifest = bundle.manifest
            announce("check")
            with _told(history, "refused", manifest.version, before):
                _check_order(manifest, before, options)
                is_there = _is_there(prefix, bundle)
                python = find_python(manifest)
                if not is_there:
                    check_room(prefix.path, manifest)
            if is_there and manifest.version == before:
                return f"{manifest.version} is the current release already"
            announce("begin")
            history.add("install", "started", manifest.version, before)
            with _told(history, "failed", manifest.version, before):
                announce("sweep")
                prefix.sweep()
                if not is_there:
                    _make_release(bundle, prefix, python, announce)
        try:
            return _activate(prefix, manifest, before, key, options, history, announce)
        except BaseException:
            # It works no better the next time. One that was here before stays, as what a rollback goes to.
            if not is_there and prefix.current_version() != manifest.version:
                prefix.remove(manifest.version)
            raise


def _make_release(bundle: CheckedBundle, prefix: Prefix, python: Path, announce: Announce) -> None:
    announce("unpack")
    staging = prefix.new_staging()
    try:
        bundle.unpack(staging)
        announce("environment")
        make_environment(python, staging)
        announce("settle")
        settle(staging, prefix.release(bundle.manifest.version))
        announce("name")
        prefix.finish(staging, bundle.manifest.version)
    except BaseException:
        prefix.sweep()
        raise


def _activate(
    prefix: Prefix,
    manifest: Manifest,
    before: str | None,
    key: bytes,
    options: InstallOptions,
    history: History,
    announce: Announce,
) -> str:
    version, service = manifest.version, Service(prefix)
    release = prefix.release(version)
    with _told(history, "failed", version, before):
        announce("health")
        check_health(release, manifest, options.frames, options.limit_s, service.config)
        announce("trust")
        write_file(prefix.state / "trusted.pub", key)
        announce("switch")
        prefix.switch(version)
    announce("record")
    history.add("install", "activated", version, before)
    announce("service")
    try:
        said = service.adopt(release)
    except UnhealthyError as error:
        raise _go_back(prefix, version, before, service, history, str(error)) from error
    announce("prune")
    prune(prefix, history)
    announce("done")
    return "; ".join(filter(None, (f"{version} is the current release", before and f"before it was {before}", said)))


def prune(prefix: Prefix, history: History) -> list[str]:
    """Remove all but the last three releases: the current one, and those that were current last.

    Returns:
        The versions removed.
    """
    current, ranks = prefix.current_version(), last_activated(history.read())
    # Never activated, or forgotten by the history: behind the others, the newest first.
    others = [version for version in reversed(prefix.versions()) if version not in ranks]
    order = [v for v in (*ranks, *others) if v != current and prefix.release(v).is_dir()]
    removed = order[KEPT_RELEASES - 1 :]
    for version in removed:
        prefix.remove(version)
    return removed


def _go_back(
    prefix: Prefix, version: str, before: str | None, service: Service, history: History, reason: str
) -> UnhealthyError:
    """The service ran with the old release and does not with the new one: take the old one again."""
    history.add("install", "unhealthy", version, before, reason)
    if before is None:
        return UnhealthyError(reason)
    prefix.switch(before)
    history.add("rollback", "activated", before, version, reason)
    try:
        said = service.adopt(prefix.release(before))
    except UnhealthyError as error:
        said = str(error)
    return UnhealthyError(f"{reason}; {before} is current again: {said}")


def _public_key(prefix: Prefix, options: InstallOptions) -> bytes:
    path = options.public_key or prefix.state / "trusted.pub"
    try:
        return path.read_bytes()
    except OSError as error:
        if options.public_key is None:
            raise DeployError(
                f"{prefix.path} trusts no key yet: name the one that signed the bundle by --pubkey FILE"
            ) from error
        raise DeployError(f"cannot read the public key {path}: {error.strerror or error}") from error


def _check_order(manifest: Manifest, before: str | None, options: InstallOptions) -> None:
    if before is None or options.allow_older or version_key(manifest.version) >= version_key(before):
        return
    raise BundleError(f"{manifest.version} is older than the current {before}: add --allow-older if that is meant")


def _is_there(prefix: Prefix, bundle: CheckedBundle) -> bool:
    """Whether the very same release was unpacked before."""
    version = bundle.manifest.version
    try:
        there = (prefix.release(version) / "manifest.json").read_bytes()
    except OSError:
        return False
    if there != bundle.manifest_bytes:
        raise BundleError(f"another release {version} is there already: build the bundle with a --version of its own")
    return True


@contextmanager
def _told(history: History, outcome: str, version: str, before: str | None) -> Iterator[None]:
    """Keep the reason of a failure, and let it be one of mien's errors."""
    try:
        yield
    except MienError as error:
        history.add(
            "install", "unhealthy" if isinstance(error, UnhealthyError) else outcome, version, before, str(error)
        )
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            told = "the disk is full: make room and install again"
        else:
            told = f"{error.strerror or error}: {error.filename or 'a file'}"
        history.add("install", outcome, version, before, told)
        raise DeployError(told) from error
    except BaseException as error:
        history.add("install", outcome, version, before, f"stopped by {type(error).__name__}")
        raise
