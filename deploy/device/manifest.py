"""The manifest: what a bundle is, and what each of its parts must be."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from deploy.device.version import version_key
from edge.errors import BundleError

#: Counts up when an older installer could not read a bundle any more.
FORMAT = 1
_PATH = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """One file of a bundle: its path in it, its size, its SHA-256 in hex."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle is.

    Attributes:
        version: of the release.
        target: Raspberry Pi OS, `bookworm` or `trixie`.
        arch: `aarch64` or `x86_64`.
        python: the version that its wheels are for, such as `3.11`.
        model: of the self-test, and of a configuration that names none.
        commit: of mien's source; empty where it is not known.
        built_s: seconds since 1970, of the source and not of the clock.
        installed_bytes: what the release takes on the disk, about.
        needs_ready: the service waits for the daemon to say that it is ready, so the health gate does, too.
        parts: the files, by path.
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
        """As JSON; the same manifest gives the same bytes."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: it is none, or one for a later installer.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the manifest is not JSON: {error}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        came = table.get("format") if isinstance(table, dict) else None
        raise BundleError(f"the manifest has format {came!r}: expected {FORMAT}; install by a mien of the bundle's age")
    values: dict[str, Any] = {}
    for key, kind in (
        *((name, str) for name in ("version", "target", "arch", "python", "model", "commit")),
        *((name, int) for name in ("built_s", "installed_bytes")),
        ("needs_ready", bool),
        ("parts", list),
    ):
        if not isinstance(table.get(key), kind):
            raise BundleError(f"the manifest has {key} {table.get(key)!r}: expected {kind.__name__}")
        values[key] = table[key]
    version_key(values["version"])
    values["parts"] = tuple(_part(entry) for entry in values["parts"])
    paths = [part.path for part in values["parts"]]
    if paths != sorted(set(paths)):
        raise BundleError("the manifest's parts are not sorted, or one is there twice")
    return Manifest(**values)


def _part(entry: Any) -> Part:
    if isinstance(entry, dict) and set(entry) == {"path", "size_bytes", "sha256"}:
        path, size, digest = entry["path"], entry["size_bytes"], entry["sha256"]
        # No part is hidden, absolute or outside; none can take the manifest's place.
        right_path = isinstance(path, str) and _PATH.fullmatch(path) and path not in ("manifest.json", "manifest.sig")
        if right_path and type(size) is int and size >= 0 and isinstance(digest, str) and _SHA256.fullmatch(digest):
            return Part(path, size, digest)
    raise BundleError(f"the manifest has a part {str(entry)[:200]}: expected a path, size and SHA-256")
