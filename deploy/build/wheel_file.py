"""Writes a wheel (Python's binary distribution format): a zip file whose bytes depend on its content alone."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

#: The time of every file in the archive. Zip has no time before 1980; any constant keeps the bytes reproducible.
_FILE_TIME = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes], info: Mapping[str, bytes]) -> Path:
    """Write a wheel of pure Python.

    Args:
        folder: to write into.
        name: of the distribution.
        version: of the distribution.
        files: path in the wheel to content.
        info: file in its `.dist-info` to content, METADATA among them; WHEEL and RECORD are added.

    Returns:
        The path of the wheel.
    """
    dist_info = f"{name}-{version}.dist-info"
    wheel = b"Wheel-Version: 1.0\nGenerator: mien\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    # The dist-info comes last, as the format recommends.
    info_files = {f"{dist_info}/{path}": content for path, content in sorted({**info, "WHEEL": wheel}.items())}
    contents = {**dict(sorted(files.items())), **info_files}
    record = "".join(f"{path},{_digest(content)},{len(content)}\n" for path, content in contents.items())
    contents[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, _FILE_TIME)
            # Compressed bytes differ between versions of zlib; stored bytes are the same everywhere.
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_STORED, 0o644 << 16, 3
            archive.writestr(entry, content)
    return target


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
