"""Ed25519 signatures (RFC 8032), verified by whatever this machine has: cryptography, or the `openssl` program.

Raspberry Pi OS brings OpenSSL 3 and not always Python's cryptography. Keys are PEM files of either.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from edge.errors import BundleError, DeployError

#: Bytes of an Ed25519 signature.
SIGNATURE_BYTES = 64


def verify(message: bytes, signature: bytes, public_key_pem: bytes) -> None:
    """Return if the signature is the key's over the message.

    Args:
        message: what was signed.
        signature: 64 bytes.
        public_key_pem: SubjectPublicKeyInfo as PEM.

    Raises:
        BundleError: it is not.
        DeployError: the key is none, or nothing here can verify.
    """
    try:
        is_right = _by_cryptography(message, signature, public_key_pem)
    except ImportError:
        is_right = _by_openssl(message, signature, public_key_pem)
    if not is_right:
        raise BundleError("the signature is not this key's: the bundle was changed, or signed by another key")


def _by_cryptography(message: bytes, signature: bytes, public_key_pem: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key_pem)
    except ValueError as error:
        raise _no_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key()
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _by_openssl(message: bytes, signature: bytes, public_key_pem: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        key, text, sign = (Path(folder) / name for name in ("key.pem", "message", "signature"))
        for path, content in ((key, public_key_pem), (text, message), (sign, signature)):
            path.write_bytes(content)
        if b"ED25519" not in _openssl("pkey", "-pubin", "-in", str(key), "-noout", "-text").stdout.upper():
            raise _no_key()
        options = ("-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(text), "-sigfile", str(sign))
        return _openssl("pkeyutl", *options).returncode == 0


def _openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", *arguments], capture_output=True)
    except OSError as error:
        raise DeployError(
            "nothing here can verify a signature: expected OpenSSL 3 or Python's cryptography: sudo apt install openssl"
        ) from error


def _no_key() -> DeployError:
    return DeployError("the public key is none: expected Ed25519 as PEM, as `mien deploy keygen` writes it")
