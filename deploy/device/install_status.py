"""What is installed, and what was tried."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deploy.device.history import Attempt, History
from deploy.device.release_store import Prefix
from deploy.device.reversion import previous_version

#: Attempts that are told.
_LAST = 10


def status(prefix: Prefix) -> dict[str, Any]:
    """What is installed, as plain values.

    Returns:
        `prefix`, `current` and `previous` (versions or None), `releases` (version, target, arch, python, model, commit
        of each), `history` (the last attempts, see `deploy.device.history.Attempt`; one that was killed is
        `interrupted`).
    """
    shown = ("version", "target", "arch", "python", "model", "commit")
    releases = [asdict(prefix.manifest(version)) for version in prefix.versions()]
    return {
        "prefix": str(prefix.path),
        "current": prefix.current_version(),
        "previous": previous_version(prefix),
        "releases": [{key: release[key] for key in shown} for release in releases],
        "history": [asdict(attempt) for attempt in _with_interrupted(History(prefix.state).read())[-_LAST:]],
    }


def as_text(told: dict[str, Any]) -> str:
    """The same as a person reads it."""
    if told["current"] is None and not told["history"]:
        return f"nothing is installed in {told['prefix']}"
    lines = [f"current   {told['current'] or 'none'}", f"previous  {told['previous'] or 'none'}"]
    for release in told["releases"]:
        about = f"{release['target']}, {release['arch']}, Python {release['python']}, {release['model']}"
        lines.append(f"release   {release['version']}  {about}")
    for attempt in told["history"]:
        version, reason = attempt["version"] or "a bundle", attempt["reason"]
        line = f"{attempt['time']}  {attempt['action']} of {version}: {attempt['outcome']}"
        lines.append(f"{line}: {reason}" if reason else line)
    return "\n".join(lines)


def _with_interrupted(attempts: list[Attempt]) -> list[Attempt]:
    """Leave out what an end followed; a start that nothing ended was cut off."""
    told = []
    for attempt, after in zip(attempts, [*attempts[1:], None], strict=False):
        if attempt.outcome != "started":
            told.append(attempt)
        elif after is None or after.outcome == "started" or after.version != attempt.version:
            told.append(Attempt(**{**asdict(attempt), "outcome": "interrupted"}))
    return told
