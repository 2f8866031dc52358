"""SHA-256 of files and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge.system.regular_files import open_regular


def sha256_of(path: Path) -> str:
    """SHA-256 in hexadecimal digits.

    Args:
        path: a regular file, whose bytes are hashed; or a folder, for which the sorted relative names and hashes of all
            files below it are hashed.

    Raises:
        OSError: it cannot be read, or is a pipe or a device.
    """
    if path.is_dir():
        whole = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            whole.update(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n".encode())
        return whole.hexdigest()
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
