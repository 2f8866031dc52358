"""Reports what is installed, and the last installations and rollbacks."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from deploy.device.history import History, HistoryEntry
from deploy.device.probation import ProbationFile
from deploy.device.release_store import ReleaseStore
from deploy.device.reversion import previous_version
from deploy.device.trusted_keys import TrustedKeys, key_id
from edge.errors import BundleError

#: Entries of the history that are shown.
_SHOWN_ENTRIES = 10


def read_status(store: ReleaseStore) -> dict[str, Any]:
    """What is installed, as plain values.

    Returns:
        `prefix`, `current` and `previous` (versions or None), `trusted_keys` and `revoked_keys` (identifiers),
        `releases` (version, target, arch, python, model, commit of each, and `damage`: why its manifest cannot be read,
        else empty), `probation` (None, or `version`, `before` and `left_s` of the release that is on probation),
        `history` (the last entries, see `deploy.device.history.HistoryEntry`; an installation that was killed is
        `interrupted`).
    """
    trust = TrustedKeys(store.state)
    return {
        "prefix": str(store.path),
        "current": store.current_version(),
        "previous": previous_version(store),
        "trusted_keys": [key_id(pem) for pem in trust.trusted()],
        "revoked_keys": trust.revoked(),
        "releases": [_describe(store, version) for version in store.versions()],
        "probation": _probation(store),
        "history": [asdict(entry) for entry in _mark_interrupted(History(store.state).read())[-_SHOWN_ENTRIES:]],
    }


def _probation(store: ReleaseStore) -> dict[str, Any] | None:
    probation = ProbationFile(store.state).read()
    if probation is None or probation.version != store.current_version():
        return None
    return {"version": probation.version, "before": probation.before, "left_s": round(probation.left_s)}


def _describe(store: ReleaseStore, version: str) -> dict[str, str]:
    fields = ("target", "arch", "python", "model", "commit")
    try:
        manifest = store.manifest(version)
    except BundleError as error:
        return {"version": version, **dict.fromkeys(fields, ""), "damage": str(error)}
    return {"version": version, **{name: getattr(manifest, name) for name in fields}, "damage": ""}


def as_text(status: dict[str, Any]) -> str:
    """The result of `read_status` as lines for a person."""
    if status["current"] is None and not status["history"]:
        return f"nothing is installed in {status['prefix']}"
    lines = [f"current   {status['current'] or 'none'}", f"previous  {status['previous'] or 'none'}"]
    if probation := status["probation"]:
        lines.append(f"probation {probation['left_s']} s to run, else back to {probation['before']}")
    if status["trusted_keys"]:
        lines.append(f"trusts    {', '.join(status['trusted_keys'])}")
    for release in status["releases"]:
        if release["damage"]:
            lines.append(f"release   {release['version']}  is damaged: {release['damage']}; install its bundle again")
            continue
        about = f"{release['target']}, {release['arch']}, Python {release['python']}, {release['model']}"
        lines.append(f"release   {release['version']}  {about}")
    for entry in status["history"]:
        version, reason = entry["version"] or "a bundle", entry["reason"]
        line = f"{entry['time']}  {entry['action']} of {version}: {entry['outcome']}"
        lines.append(f"{line}: {reason}" if reason else line)
    return "\n".join(lines)


def _mark_interrupted(entries: list[HistoryEntry]) -> list[HistoryEntry]:
    """Drop each start that is followed by its end, and mark one that is not as interrupted."""
    marked = []
    for entry, following in zip(entries, [*entries[1:], None], strict=False):
        if entry.outcome != "started":
            marked.append(entry)
        elif following is None or following.outcome == "started" or following.version != entry.version:
            marked.append(replace(entry, outcome="interrupted"))
    return marked
