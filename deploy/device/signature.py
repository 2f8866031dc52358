"""Ed25519 signatures (RFC 8032), verified by what this machine has: Python's cryptography, or the `openssl` program.

Raspberry Pi OS comes with OpenSSL 3, but not always with Python's cryptography. Keys are PEM files for both.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge.errors import BundleError, DeployError

#: Size of an Ed25519 signature (RFC 8032, section 5.1.6).
SIGNATURE_BYTES = 64


def find_signer(message: bytes, signature: bytes, public_keys: Sequence[bytes]) -> bytes:
    """Return the key that a signature was made with.

    Args:
        message: what was signed.
        signature: 64 bytes.
        public_keys: SubjectPublicKeyInfo as PEM, each.

    Raises:
        BundleError: it was made with none of them.
        DeployError: a key is not a valid public key, or no means of verification is installed.
    """
    for key in public_keys:
        try:
            is_valid = _verify_by_cryptography(message, signature, key)
        except ImportError:
            is_valid = _verify_by_openssl(message, signature, key)
        if is_valid:
            return key
    raise BundleError(
        "the signature does not match the public key: the bundle was changed, or was signed with another key"
    )


def _verify_by_cryptography(message: bytes, signature: bytes, public_key_pem: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key_pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _invalid_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _invalid_key()
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _verify_by_openssl(message: bytes, signature: bytes, public_key_pem: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        key_file, message_file, signature_file = (Path(folder) / name for name in ("key.pem", "message", "signature"))
        for path, content in ((key_file, public_key_pem), (message_file, message), (signature_file, signature)):
            path.write_bytes(content)
        if b"ED25519" not in _openssl("pkey", "-pubin", "-in", str(key_file), "-noout", "-text").stdout.upper():
            raise _invalid_key()
        key = ("-pubin", "-inkey", str(key_file))
        files = ("-rawin", "-in", str(message_file), "-sigfile", str(signature_file))
        return _openssl("pkeyutl", "-verify", *key, *files).returncode == 0


def _openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", *arguments], capture_output=True)
    except OSError as error:
        raise DeployError(
            "cannot verify the signature: expected OpenSSL 3 or Python's cryptography: sudo apt install openssl"
        ) from error


def _invalid_key() -> DeployError:
    return DeployError("not a valid public key: expected Ed25519 in PEM format, as `mien deploy keygen` writes it")
