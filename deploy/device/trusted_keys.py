"""The keys whose bundles a device accepts: several, so that a key can be replaced, and those that were revoked.

A bundle that a trusted key has signed may bring `keys.json`: more keys to trust, and identifiers of keys to revoke. A
fleet moves to a new key by a bundle that the old key signs and that names the new one, and drops the old key by a
bundle that the new key signs. Keys have no expiry: a Raspberry Pi does not know the date before it has a network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.regular_file import open_regular
from edge.errors import BundleError, DeployError

#: The part of a bundle that has the changes.
KEYS_PART = "keys.json"
#: Keys that one device trusts, and identifiers that it remembers as revoked.
MAX_KEYS, MAX_REVOKED = 16, 256
#: Of a file with keys: far more than `MAX_KEYS` have.
MAX_KEYS_BYTES = 1 << 16
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)-----END PUBLIC KEY-----\n?")
#: The form of an identifier.
KEY_ID = re.compile(r"[0-9a-f]{16}")


def key_id(public_key_pem: bytes) -> str:
    """The identifier of a public key: the first 16 hex digits of the SHA-256 of its DER form.

    Raises:
        DeployError: it is no public key in PEM format.
    """
    found = _PEM.search(public_key_pem)
    try:
        if found is not None:
            return hashlib.sha256(base64.b64decode(b"".join(found[1].split()), validate=True)).hexdigest()[:16]
    except ValueError:
        pass
    raise DeployError("not a valid public key: expected Ed25519 in PEM format, as `mien deploy keygen` writes it")


def split_keys(content: bytes) -> list[bytes]:
    """The keys of a file that has one or several, in PEM format."""
    return [found[0] for found in _PEM.finditer(content)]


@dataclass(frozen=True)
class KeyChange:
    """What a bundle changes about the keys.

    Attributes:
        trusted: public keys in PEM format that are trusted from now on.
        revoked: identifiers of keys that are never trusted again.
    """

    trusted: tuple[bytes, ...] = ()
    revoked: tuple[str, ...] = ()

    def as_bytes(self) -> bytes:
        """The part of a bundle."""
        return (
            json.dumps({"trusted": [pem.decode() for pem in self.trusted], "revoked": self.revoked}) + "\n"
        ).encode()


def read_change(release: Path) -> KeyChange:
    """Read what the bundle of an unpacked release changes; nothing where it has no such part.

    Raises:
        BundleError: the part is not valid.
    """
    try:
        content = json.loads((release / KEYS_PART).read_bytes())
        trusted = tuple(str(pem).encode() for pem in content["trusted"])
        revoked = tuple(content["revoked"])
        for pem in trusted:
            key_id(pem)
        if not all(isinstance(name, str) and KEY_ID.fullmatch(name) for name in revoked):
            raise ValueError("expected identifiers of 16 hex digits")
    except FileNotFoundError:
        return KeyChange()
    except (ValueError, KeyError, TypeError, RecursionError, OSError, DeployError) as error:
        raise BundleError(f"{KEYS_PART} is not valid: {error}; build the bundle again") from error
    return KeyChange(trusted, revoked)


class TrustedKeys:
    """The keys of one release store.

    Args:
        folder: of the store's state.
    """

    def __init__(self, folder: Path) -> None:
        self._trusted, self._revoked = folder / "trusted.pub", folder / "revoked"

    def trusted(self) -> list[bytes]:
        """The keys that are trusted, in PEM format."""
        try:
            return split_keys(self._trusted.read_bytes())
        except OSError:
            return []

    def revoked(self) -> list[str]:
        """The identifiers of the keys that were revoked."""
        try:
            return self._revoked.read_text("ascii", "replace").split()
        except OSError:
            return []

    def accepted(self, given: Path | None) -> list[bytes]:
        """The keys of which one must have signed a bundle.

        Args:
            given: a file with the keys that the user names; None for those that are trusted.

        Raises:
            DeployError: the file cannot be read, no key is trusted yet, or a given key was revoked.
        """
        if given is None:
            keys = self.trusted()
            if not keys:
                folder = self._trusted.parent.parent
                raise DeployError(
                    f"{folder} has no trusted key yet: pass the key that signed the bundle with --pubkey FILE"
                )
            return keys
        try:
            with open_regular(given) as stream:
                content = stream.read(MAX_KEYS_BYTES)
        except OSError as error:
            raise DeployError(f"cannot read the public key {given}: {error.strerror or error}") from error
        # A file without any key is left to the verification, which states what is wrong with it.
        keys = split_keys(content) or [content]
        revoked = {*self.revoked()}
        for name in map(key_id, keys):
            if name in revoked:
                raise DeployError(f"the key {name} in {given} was revoked on this device: expected another key")
        return keys

    def check(self, accepted: Sequence[bytes], change: KeyChange) -> None:
        """Check that a change can be made.

        Raises:
            BundleError: no key would be left, or there would be too many.
        """
        self._changed(accepted, change)

    def apply(self, accepted: Sequence[bytes], change: KeyChange) -> None:
        """Trust the keys that were accepted, and no others, and make the changes that the bundle brings.

        Args:
            accepted: what `accepted` returned: those that the user has named replace those that were trusted.
            change: of the bundle.

        Raises:
            BundleError: see `check`.
            OSError: the files cannot be written.
        """
        keys, revoked = self._changed(accepted, change)
        # Revoked keys first: after a power cut between the two files no key that was revoked is trusted again.
        if revoked != self.revoked():
            write_file(self._revoked, "".join(f"{name}\n" for name in revoked).encode())
        if keys != self.trusted():
            write_file(self._trusted, b"".join(keys))

    def _changed(self, accepted: Sequence[bytes], change: KeyChange) -> tuple[list[bytes], list[str]]:
        revoked = list(dict.fromkeys([*self.revoked(), *change.revoked]))
        keys = {key_id(pem): pem for pem in (*accepted, *change.trusted)}
        kept = [pem for name, pem in keys.items() if name not in revoked]
        if not kept:
            raise BundleError("the bundle revokes every key that is trusted here: expected one that stays")
        if len(kept) > MAX_KEYS or len(revoked) > MAX_REVOKED:
            raise BundleError(f"more than {MAX_KEYS} trusted or {MAX_REVOKED} revoked keys: expected fewer")
        return kept, revoked
