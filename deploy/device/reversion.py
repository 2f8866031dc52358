"""Rolls back to a release that was current before."""

from __future__ import annotations

from deploy.device.atomic_io import fixed_umask
from deploy.device.health_gate import FRAMES, LIMIT_S, check_health
from deploy.device.history import History, activated_versions
from deploy.device.installation import summary
from deploy.device.installed_files import find_damage
from deploy.device.lock import exclusive_lock
from deploy.device.progress import StepReporter, ignore_step
from deploy.device.release_store import ReleaseStore
from deploy.device.service import Service
from edge.errors import DeployError, UnhealthyError


def previous_version(store: ReleaseStore) -> str | None:
    """The release that was current before the present one, and is still installed."""
    current = store.current_version()
    for version in activated_versions(History(store.state).read()):
        if version != current and version in store.versions():
            return version
    return None


@fixed_umask()
def roll_back(
    store: ReleaseStore,
    to: str | None = None,
    is_forced: bool = False,
    frames: int = FRAMES,
    limit_s: float = LIMIT_S,
    report_step: StepReporter = ignore_step,
    reason: str = "requested",
    was_running: bool = False,
) -> str:
    """Make an earlier release the current one.

    Args:
        store: where mien is installed.
        to: the version to go back to; None is the release that was current before.
        is_forced: skip the self-test.
        frames: inferences that the self-test must finish.
        limit_s: seconds allowed for them.
        report_step: called with the name of each step before the step is taken.
        reason: for the history.
        was_running: start the service also where it has stopped.

    Returns:
        What was done, in one line.

    Raises:
        DeployError: there is no such release, or it has changed since it was installed.
        UnhealthyError: that release does not work either. The current release stays current.
    """
    if not store.state.is_dir():
        raise DeployError(f"nothing is installed in {store.path}: use another --prefix, or install a bundle")
    report_step("lock")
    with exclusive_lock(store.state / "lock"):
        history, before = History(store.state), store.current_version()
        version = to or previous_version(store)
        if version is None:
            raise DeployError(f"{store.path} holds no earlier release: expected one to go back to")
        if version == before:
            raise DeployError(f"{version} is the current release already: expected another version")
        manifest, service = store.manifest(version), Service(store)
        report_step("verify")
        damage = find_damage(store.release(version))
        if damage:
            history.add("rollback", "refused", version, before, damage)
            raise DeployError(f"the release {version} is damaged ({damage}): install its bundle again")
        if not is_forced:
            report_step("health")
            try:
                check_health(store.release(version), manifest, frames, limit_s, service.config, service.identity)
            except UnhealthyError as error:
                history.add("rollback", "unhealthy", version, before, str(error))
                raise UnhealthyError(
                    f"{error}; {before} stays current; --force rolls back without a self-test"
                ) from error
        report_step("switch")
        store.switch(version)
        report_step("record")
        history.add("rollback", "activated", version, before, reason)
        report_step("service")
        note = service.update(store.release(version), was_running)
    return summary(version, before, note)
