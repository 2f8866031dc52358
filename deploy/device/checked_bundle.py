"""A verified bundle: first its signature, then every hash, before anything in it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from deploy.device.archive import Member, printable_name, read_chunks, read_members
from deploy.device.manifest import Manifest, parse_manifest
from deploy.device.regular_file import open_regular
from deploy.device.signature import SIGNATURE_BYTES, find_signer
from edge.errors import BundleError

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
#: Far more than a manifest needs; it is read into memory before it is trusted.
_MAX_MANIFEST_BYTES = 1 << 22


class CheckedBundle:
    """Opens a bundle and verifies all of it; a context manager.

    Args:
        path: the bundle.
        public_keys: the keys of which one must have signed it, each in PEM format.

    Attributes:
        public_keys: as given.
        manifest: the signed manifest.
        manifest_bytes, signature: the manifest and its signature as they are in the file.

    Raises:
        BundleError: the bundle is damaged, or was signed by none of the keys.
        DeployError: a key is not a valid public key, or no means of verification is installed.
    """

    def __init__(self, path: Path, public_keys: Sequence[bytes]) -> None:
        try:
            self._stream: BinaryIO = open_regular(path)
        except OSError as error:
            raise BundleError(f"cannot read the bundle {path}: {error.strerror or error}") from error
        try:
            members = read_members(self._stream)
            if [m.name for m in members[:2]] != [MANIFEST, SIGNATURE] or members[0].size_bytes > _MAX_MANIFEST_BYTES:
                raise BundleError(f"{path} is not a bundle: expected a manifest and its signature as the first files")
            if members[1].size_bytes != SIGNATURE_BYTES:
                raise BundleError(f"the signature has {members[1].size_bytes} bytes: expected {SIGNATURE_BYTES}")
            self.manifest_bytes, self.signature = (b"".join(read_chunks(self._stream, m)) for m in members[:2])
            self.public_keys = public_keys
            find_signer(self.manifest_bytes, self.signature, public_keys)
            self.manifest: Manifest = parse_manifest(self.manifest_bytes)
            self._members = {member.name: member for member in members[2:]}
            self._check_parts(members[2:])
        except BaseException:
            self._stream.close()
            raise

    def unpack(self, folder: Path) -> None:
        """Write every part below an existing folder, hashing it once more: the file may have changed since.

        Raises:
            BundleError: the file has changed.
            OSError: the disk is full, or cannot be written for another reason.
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
                raise BundleError(f"{part.path} changed while it was being unpacked: copy the bundle again")
        (folder / MANIFEST).write_bytes(self.manifest_bytes)
        (folder / SIGNATURE).write_bytes(self.signature)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _check_parts(self, members: list[Member]) -> None:
        expected = [(part.path, part.size_bytes) for part in self.manifest.parts]
        if [(member.name, member.size_bytes) for member in members] != expected:
            names = {member.name for member in members} ^ {part.path for part in self.manifest.parts}
            differing = f" ({', '.join(map(printable_name, sorted(names)[:3]))})" if names else ""
            raise BundleError(f"the bundle's files do not match its manifest{differing}: copy it again")
        for member, part in zip(members, self.manifest.parts, strict=True):
            digest = hashlib.sha256()
            for chunk in read_chunks(self._stream, member):
                digest.update(chunk)
            if digest.hexdigest() != part.sha256:
                raise BundleError(f"{part.path} does not have the SHA-256 in the manifest: copy the bundle again")
