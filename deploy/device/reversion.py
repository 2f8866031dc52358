"""Back to a release that was current before."""

from __future__ import annotations

from deploy.device.health_gate import FRAMES, LIMIT_S, check_health
from deploy.device.history import History, last_activated
from deploy.device.lock import only_one
from deploy.device.progress import Announce, say_nothing
from deploy.device.release_store import Prefix
from deploy.device.service import Service
from edge.errors import DeployError, UnhealthyError


def previous_version(prefix: Prefix) -> str | None:
    """The release that was current before the present one, and is still here."""
    current = prefix.current_version()
    for version in last_activated(History(prefix.state).read()):
        if version != current and version in prefix.versions():
            return version
    return None


def roll_back(
    prefix: Prefix,
    to: str | None = None,
    is_forced: bool = False,
    frames: int = FRAMES,
    limit_s: float = LIMIT_S,
    announce: Announce = say_nothing,
) -> str:
    """Make an earlier release the current one.

    Args:
        prefix: where mien is installed.
        to: its version; None: the one that was current before.
        is_forced: without its self-test.
        frames: inferences of the self-test.
        limit_s: seconds that it has.
        announce: called with the name of each step before it is taken.

    Returns:
        What was done, in one line.

    Raises:
        DeployError: there is none.
        UnhealthyError: it does not work either. What was current stays so.
    """
    if not prefix.state.is_dir():
        raise DeployError(f"nothing is installed in {prefix.path}: name another --prefix, or install a bundle")
    announce("lock")
    with only_one(prefix.state / "lock"):
        history, before = History(prefix.state), prefix.current_version()
        version = to or previous_version(prefix)
        if version is None:
            raise DeployError(f"{prefix.path} holds no earlier release to go back to")
        if version == before:
            raise DeployError(f"{version} is the current release already")
        manifest, service = prefix.manifest(version), Service(prefix)
        if not is_forced:
            announce("health")
            try:
                check_health(prefix.release(version), manifest, frames, limit_s, service.config)
            except UnhealthyError as error:
                history.add("rollback", "unhealthy", version, before, str(error))
                raise UnhealthyError(
                    f"{error}; {before} stays current; --force goes back without a self-test"
                ) from error
        announce("switch")
        prefix.switch(version)
        announce("record")
        history.add("rollback", "activated", version, before, "asked for")
        announce("service")
        said = service.adopt(prefix.release(version))
    return "; ".join(filter(None, (f"{version} is the current release", before and f"before it was {before}", said)))
