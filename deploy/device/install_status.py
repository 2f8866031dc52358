"""Reports what is installed, and the last installations and rollbacks."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from deploy.device.history import History, HistoryEntry
from deploy.device.release_store import ReleaseStore
from deploy.device.reversion import previous_version

#: Entries of the history that are shown.
_SHOWN_ENTRIES = 10


def read_status(store: ReleaseStore) -> dict[str, Any]:
    """What is installed, as plain values.

    Returns:
        `prefix`, `current` and `previous` (versions or None), `releases` (version, target, arch, python, model, commit
        of each), `history` (the last entries, see `deploy.device.history.HistoryEntry`; an installation that was
        killed is `interrupted`).
    """
    shown = ("version", "target", "arch", "python", "model", "commit")
    releases = [asdict(store.manifest(version)) for version in store.versions()]
    return {
        "prefix": str(store.path),
        "current": store.current_version(),
        "previous": previous_version(store),
        "releases": [{key: release[key] for key in shown} for release in releases],
        "history": [asdict(entry) for entry in _mark_interrupted(History(store.state).read())[-_SHOWN_ENTRIES:]],
    }


def as_text(status: dict[str, Any]) -> str:
    """The result of `read_status` as lines for a person."""
    if status["current"] is None and not status["history"]:
        return f"nothing is installed in {status['prefix']}"
    lines = [f"current   {status['current'] or 'none'}", f"previous  {status['previous'] or 'none'}"]
    for release in status["releases"]:
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
