"""Bundles and keys: what a device reads before it trusts anything."""

import hashlib
import json
import random
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.device.archive import BLOCK_BYTES
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.manifest import parse_manifest
from deploy.device.signature import SIGNATURE_BYTES, find_signer
from deploy.device.trusted_keys import KEYS_PART, TrustedKeys, key_id, read_change
from tests.fuzz.target import Target

#: Everybody knows it, so it protects nothing: the corpus is signed with it.
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC_KEY = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Bundle(Target):
    """A bundle, from its first byte to the keys that it changes."""

    name = "bundle"
    tokens = (b"ustar\0", b"manifest.json", b"manifest.sig", b"keys.json", b"../", b"\0" * BLOCK_BYTES)

    def run(self, data: bytes) -> None:
        path, unpacked = self.folder / "bundle", self.folder / "unpacked"
        path.write_bytes(data)
        with CheckedBundle(path, [PUBLIC_KEY]) as bundle:
            unpacked.mkdir()
            try:
                bundle.unpack(unpacked)
                assert all(file.is_relative_to(unpacked) for file in unpacked.rglob("*"))
                TrustedKeys(self.folder).check(bundle.public_keys, read_change(unpacked))
            finally:
                shutil.rmtree(unpacked)

    def repair(self, data: bytes, choice: random.Random) -> bytes:
        """Make the checksums of the headers right, the hashes in the manifest and its signature."""
        return reseal(data, with_hashes=choice.random() < 0.5) if choice.random() < 0.7 else data


def reseal(data: bytes, with_hashes: bool) -> bytes:
    """Return a bundle with checksums and a signature that fit what it contains."""
    fixed, members, position = bytearray(data), [], 0
    while position + BLOCK_BYTES <= len(fixed) and any(fixed[position : position + BLOCK_BYTES]):
        header = fixed[position : position + BLOCK_BYTES]
        checksum = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
        fixed[position + 148 : position + 156] = b"%06o\0 " % checksum
        try:
            size = int(header[124:136].rstrip(b"\0 "), 8)
        except ValueError:
            break
        begin = position + BLOCK_BYTES
        members.append((bytes(header[:100]).split(b"\0")[0].decode("latin-1"), slice(begin, begin + max(size, 0))))
        position = begin + -(-max(size, 0) // BLOCK_BYTES) * BLOCK_BYTES
    if len(members) < 2:
        return bytes(fixed)
    manifest, signature = members[0][1], members[1][1]
    if with_hashes:
        fixed[manifest] = _with_hashes(bytes(fixed[manifest]), {name: fixed[part] for name, part in members[2:]})
    if signature.stop - signature.start == SIGNATURE_BYTES and signature.stop <= len(fixed):
        fixed[signature] = KEY.sign(bytes(fixed[manifest]))
    return bytes(fixed)


def _with_hashes(manifest: bytes, parts: dict[str, bytearray]) -> bytes:
    """Replace hashes in a manifest by those of the parts; its length stays as it is."""
    try:
        listed = json.loads(manifest)["parts"]
        for part in listed:
            old, new = part["sha256"].encode(), hashlib.sha256(parts[part["path"]]).hexdigest().encode()
            if len(old) == len(new):
                manifest = manifest.replace(old, new)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return manifest


class BundleManifest(Target):
    """The manifest of a bundle."""

    name = "manifest"
    kind = "json"
    tokens = (b"bookworm", b"1.0rc1", b"0.2.0+20261122.213000", b"manifest.sig", b"../x")

    def run(self, data: bytes) -> None:
        manifest = parse_manifest(data)
        manifest.as_bytes()


class KeyChanges(Target):
    """The part of a bundle that changes which keys are trusted."""

    name = "key-change"
    kind = "json"
    tokens = (b"-----BEGIN PUBLIC KEY-----", b"\\n", b"0123456789abcdef")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._trusted = TrustedKeys(folder)

    def run(self, data: bytes) -> None:
        (self.folder / KEYS_PART).write_bytes(data)
        change = read_change(self.folder)
        change.as_bytes()
        self._trusted.check([PUBLIC_KEY], change)


class PublicKeys(Target):
    """A file of public keys, as a user gives it and as a device keeps it."""

    name = "public-keys"
    kind = "lines"
    tokens = (
        b"-----BEGIN PUBLIC KEY-----\n",
        b"-----END PUBLIC KEY-----\n",
        b"-----BEGIN RSA PUBLIC KEY-----",
        b"MCowBQYDK2VwAyEA",
        b"=",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._given, self._state = folder / "given.pub", folder / "state"
        self._state.mkdir()
        self._signature = KEY.sign(b"message")

    def run(self, data: bytes) -> None:
        for path in (self._given, self._state / "trusted.pub", self._state / "revoked"):
            path.write_bytes(data if path.name != "revoked" else data[: len(data) % 64])
        kept = TrustedKeys(self._state)
        for pem in kept.trusted():
            key_id(pem)
        assert all(isinstance(name, str) for name in kept.revoked())
        assert find_signer(b"message", self._signature, kept.accepted(self._given)) in data
