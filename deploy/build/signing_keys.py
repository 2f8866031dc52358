"""Ed25519 keys: generates them, and reads the private one. Needs the extra `deploy`; a device only verifies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import DeployError, MissingExtraError, WrongUseError
from edge.system.regular_files import read_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: Of a key's file, which has 119.
_MAX_BYTES = 1 << 16


def generate_keys(path: Path) -> Path:
    """Generate a pair of keys: `path`, readable by its owner only, and `path.pub`, for every device.

    Returns:
        The path of the public key.

    Raises:
        WrongUseError: one of the files exists already.
        DeployError: the files cannot be written.
        MissingExtraError: the extra `deploy` is not installed.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    public_path = path.with_name(f"{path.name}.pub")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # Both are checked before either is written: half a pair is useless.
    for existing in (path, public_path):
        if existing.exists():
            raise WrongUseError(f"{existing} exists already: expected a new name; keys are never overwritten")
    try:
        for file, content, mode in ((path, private, 0o600), (public_path, public, 0o644)):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
    except OSError as error:
        raise DeployError(f"cannot write {file}: {error.strerror or error}") from error
    return public_path


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        WrongUseError: the file cannot be read, or holds no private Ed25519 key.
        MissingExtraError: the extra `deploy` is not installed.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(read_regular(path, _MAX_BYTES), password=None)
    except OSError as error:
        raise WrongUseError(f"cannot read the key {path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise WrongUseError(f"{path} is not a private key: expected one that `mien deploy keygen` wrote") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongUseError(f"{path} is a key of another type: expected Ed25519, as `mien deploy keygen` writes it")
    return key


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("deploy", "cryptography") from error
