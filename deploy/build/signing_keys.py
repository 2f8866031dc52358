"""Ed25519 keys: made, kept, and used to sign. Needs the extra `deploy`; a device only verifies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import DeployError, MissingExtraError, WrongUseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def make_keys(path: Path) -> Path:
    """Make a pair of keys: `path`, for its owner alone, and `path.pub`, for every device.

    Returns:
        The public key's path.

    Raises:
        WrongUseError: one of the files is there.
        DeployError: they cannot be written.
        MissingExtraError: the extra `deploy` is not installed.
    """
    _need_cryptography()
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
    # Both are looked for first: half a pair is of no use to anybody.
    for there in (path, public_path):
        if there.exists():
            raise WrongUseError(f"{there} is there already: expected a new name; a key is never overwritten")
    try:
        for file, content, mode in ((path, private, 0o600), (public_path, public, 0o644)):
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
    except OSError as error:
        raise DeployError(f"cannot write {file}: {error.strerror or error}") from error
    return public_path


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        WrongUseError: it is none.
        MissingExtraError: the extra `deploy` is not installed.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise WrongUseError(f"cannot read the key {path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise WrongUseError(f"{path} is no private key: expected what `mien deploy keygen` writes") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongUseError(f"{path} is a key of another kind: expected Ed25519, as `mien deploy keygen` writes it")
    return key


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("deploy", "cryptography") from error
