"""The manifest: what a bundle is for, and the size and hash of each of its parts."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from deploy.device.version import version_key
from edge.errors import BundleError, shown

#: Incremented when an older installer can no longer read a bundle.
FORMAT = 1
_PATH = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """One file of a bundle.

    Attributes:
        path: in the bundle.
        size_bytes: its size.
        sha256: its SHA-256 in hex.
    """

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The description of a bundle that its signature covers.

    Attributes:
        version: of the release.
        target: Raspberry Pi OS, `bookworm` or `trixie`.
        arch: `aarch64` or `x86_64`.
        python: the Python version that its wheels are for, such as `3.11`.
        model: used by the self-test, and by a configuration that names none.
        commit: of mien's source; empty where it is not known.
        built_s: time of the source (not of the build) in seconds since 1970.
        installed_bytes: approximate size of the release on the disk.
        needs_ready: the service waits for the daemon to report that it is ready, so the health gate waits too.
        parts: the files, sorted by path.
    """

    version: str
    target: str
    arch: str
    python: str
    model: str
    commit: str
    built_s: int
    installed_bytes: int
    needs_ready: bool
    parts: tuple[Part, ...]

    def as_bytes(self) -> bytes:
        """The manifest as JSON; equal manifests give equal bytes."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()


def parse_manifest(text: bytes) -> Manifest:
    """Parse a manifest.

    Raises:
        BundleError: it is not a valid manifest, or has a format of a later mien.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the manifest is not JSON: {error}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        found = table.get("format") if isinstance(table, dict) else None
        raise BundleError(
            f"the manifest has format {shown(found)}: expected {FORMAT}; use the installer of the mien that built the "
            "bundle"
        )
    values: dict[str, Any] = {}
    for key, kind in (
        *((name, str) for name in ("version", "target", "arch", "python", "model", "commit")),
        *((name, int) for name in ("built_s", "installed_bytes")),
        ("needs_ready", bool),
        ("parts", list),
    ):
        if not isinstance(table.get(key), kind):
            raise BundleError(f"the manifest has {key} {shown(table.get(key))}: expected {kind.__name__}")
        values[key] = table[key]
    version_key(values["version"])
    values["parts"] = tuple(_parse_part(entry) for entry in values["parts"])
    paths = [part.path for part in values["parts"]]
    if paths != sorted(set(paths)):
        raise BundleError("the manifest's parts are not sorted, or one of them is listed twice")
    return Manifest(**values)


def _parse_part(entry: Any) -> Part:
    if isinstance(entry, dict) and set(entry) == {"path", "size_bytes", "sha256"}:
        path, size, digest = entry["path"], entry["size_bytes"], entry["sha256"]
        # No part is hidden, has an absolute path or lies outside the release, and none can replace the manifest.
        is_valid = isinstance(path, str) and _PATH.fullmatch(path) and path not in ("manifest.json", "manifest.sig")
        if is_valid and type(size) is int and size >= 0 and isinstance(digest, str) and _SHA256.fullmatch(digest):
            return Part(path, size, digest)
    raise BundleError(f"the manifest has a part {shown(entry)}: expected a relative path, a size and a SHA-256")
