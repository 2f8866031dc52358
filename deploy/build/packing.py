"""Packs a folder of parts into one signed file; the same parts give the same bytes."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.device.checked_bundle import MANIFEST, SIGNATURE
from deploy.device.manifest import Manifest, Part, parse_manifest
from edge.system.atomic_files import replacing
from edge.system.hashing import sha256_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def pack(folder: Path, manifest: Manifest, key: Ed25519PrivateKey, out: Path) -> Manifest:
    """Write a bundle.

    Args:
        folder: its parts.
        manifest: complete but for the parts.
        key: to sign with. Ed25519 signatures are deterministic.
        out: the bundle; written completely or not at all.

    Returns:
        The manifest as written.

    Raises:
        BundleError: the device would reject the name of a part.
    """
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    parts = tuple(Part(name, files[name].stat().st_size, sha256_of(files[name])) for name in sorted(files))
    manifest = replace(manifest, parts=parts)
    text = manifest.as_bytes()
    # Never sign what the device would reject.
    parse_manifest(text)
    # The manifest and its signature come first: the reader verifies them before it reads any part.
    with replacing(out) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((MANIFEST, text), (SIGNATURE, key.sign(text))):
            archive.addfile(_entry(name, len(content), manifest), io.BytesIO(content))
        for part in parts:
            with files[part.path].open("rb") as stream:
                archive.addfile(_entry(part.path, part.size_bytes, manifest), stream)
    return manifest


def _entry(name: str, size_bytes: int, manifest: Manifest) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size_bytes, manifest.built_s, 0o644
    return entry
