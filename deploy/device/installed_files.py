"""The record of what an installation has put on the disk, against which a release is checked before it is used again.

The manifest has the hash of every part of a bundle, but not of what was made of its wheels. A memory card that fails,
or somebody who edits a file, changes either.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from deploy.device.archive import printable_name
from deploy.device.checked_bundle import MANIFEST
from deploy.device.manifest import parse_manifest
from edge.errors import BundleError

RECORD = "installed.json"
#: Parts that an installation removes once the environment is made of them.
_REMOVED = "wheels/"


def record_files(release: Path) -> None:
    """Write the hash of every file and the target of every link of a complete release."""
    (release / RECORD).write_text(json.dumps({path: _digest(release / path) for path in _files(release)}, indent=0))


def find_damage(release: Path) -> str | None:
    """Return what differs from the manifest and from the record, in words; None for a release as it was installed.

    Compiled modules that were added later do not count: Python writes them. A release that an earlier mien installed
    has no record; its parts are checked against the manifest alone.
    """
    try:
        parts = parse_manifest((release / MANIFEST).read_bytes()).parts
        recorded = _read_record(release)
    except (OSError, ValueError, RecursionError, BundleError):
        return f"{MANIFEST} or {RECORD} cannot be read"
    expected = {**(recorded or {}), **{part.path: part.sha256 for part in parts if not part.path.startswith(_REMOVED)}}
    found = set(_files(release))
    for path, digest in expected.items():
        if path not in found:
            return f"{printable_name(path)} is missing"
        try:
            if _digest(release / path) != digest:
                return f"{printable_name(path)} has changed"
        except OSError as error:
            return f"{printable_name(path)} cannot be read: {error.strerror or error}"
    added = sorted(path for path in found - expected.keys() if recorded and "__pycache__" not in path)
    return f"{printable_name(added[0])} was added" if added else None


def _read_record(release: Path) -> dict[str, str] | None:
    try:
        record = json.loads((release / RECORD).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(record, dict):
        raise ValueError("expected an object")
    return record


def _files(release: Path) -> Iterator[str]:
    """The paths of files and links in a release, without the record itself."""
    for folder, folders, names in os.walk(release):
        for name in (*names, *(name for name in folders if (Path(folder) / name).is_symlink())):
            path = (Path(folder) / name).relative_to(release).as_posix()
            if path != RECORD:
                yield path


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
