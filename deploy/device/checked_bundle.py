"""A bundle that has been checked: its signature, then every hash, before anything in it is used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from deploy.device.archive import Member, read_chunks, read_members
from deploy.device.manifest import Manifest, parse_manifest
from deploy.device.signature import SIGNATURE_BYTES, verify
from edge.errors import BundleError

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
#: Far more than a manifest needs; it is read whole before it is trusted.
_MANIFEST_BYTES = 1 << 22


class CheckedBundle:
    """Opens a bundle and checks all of it; a context manager.

    Args:
        path: the bundle.
        public_key_pem: the key that must have signed it.

    Attributes:
        manifest: what the signed manifest says.
        manifest_bytes, signature: as they are.

    Raises:
        BundleError: it is damaged, or was signed by another key.
        DeployError: the key is none, or nothing here can verify.
    """

    def __init__(self, path: Path, public_key_pem: bytes) -> None:
        try:
            self._stream: BinaryIO = path.open("rb")
        except OSError as error:
            raise BundleError(f"cannot read the bundle {path}: {error.strerror or error}") from error
        try:
            members = read_members(self._stream)
            if [m.name for m in members[:2]] != [MANIFEST, SIGNATURE] or members[0].size_bytes > _MANIFEST_BYTES:
                raise BundleError(f"{path} is no bundle: expected a manifest and its signature first")
            if members[1].size_bytes != SIGNATURE_BYTES:
                raise BundleError(f"the signature has {members[1].size_bytes} bytes: expected {SIGNATURE_BYTES}")
            self.manifest_bytes, self.signature = (b"".join(read_chunks(self._stream, m)) for m in members[:2])
            verify(self.manifest_bytes, self.signature, public_key_pem)
            self.manifest: Manifest = parse_manifest(self.manifest_bytes)
            self._members = {member.name: member for member in members[2:]}
            self._check(members[2:])
        except BaseException:
            self._stream.close()
            raise

    def unpack(self, folder: Path) -> None:
        """Write every part below a folder that is there, hashed once more: the file may have changed since.

        Raises:
            BundleError: it has.
            OSError: the disk is full, or the like.
        """
        for part in self.manifest.parts:
            path = folder / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with path.open("xb") as out:
                for chunk in read_chunks(self._stream, self._members[part.path]):
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != part.sha256:
                raise BundleError(f"{part.path} has changed while it was unpacked: copy the bundle again")
        (folder / MANIFEST).write_bytes(self.manifest_bytes)
        (folder / SIGNATURE).write_bytes(self.signature)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _check(self, members: list[Member]) -> None:
        expected = [(part.path, part.size_bytes) for part in self.manifest.parts]
        if [(member.name, member.size_bytes) for member in members] != expected:
            names = {member.name for member in members} ^ {part.path for part in self.manifest.parts}
            named = f" ({', '.join(sorted(names)[:3])})" if names else ""
            raise BundleError(f"the bundle's files are not those of its manifest{named}: copy it again")
        for member, part in zip(members, self.manifest.parts, strict=True):
            digest = hashlib.sha256()
            for chunk in read_chunks(self._stream, member):
                digest.update(chunk)
            if digest.hexdigest() != part.sha256:
                raise BundleError(f"{part.path} has another SHA-256 than the manifest says: copy the bundle again")
