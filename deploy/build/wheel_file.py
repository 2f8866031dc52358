"""Writes a wheel (PyPI's binary distribution format): a zip whose bytes depend on its content alone."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

#: Zip knows no time before 1980. Which one it is does not matter, that it is always the same does.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes], info: Mapping[str, bytes]) -> Path:
    """Write a wheel of pure Python.

    Args:
        folder: to write into.
        name: of the distribution.
        version: of the distribution.
        files: path in the wheel to content.
        info: file in its `.dist-info` to content, METADATA among them; WHEEL and RECORD are added.

    Returns:
        The wheel.
    """
    dist_info = f"{name}-{version}.dist-info"
    wheel = b"Wheel-Version: 1.0\nGenerator: mien\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    # The dist-info stands last, as the format recommends.
    inside = {f"{dist_info}/{path}": content for path, content in sorted({**info, "WHEEL": wheel}.items())}
    contents = {**dict(sorted(files.items())), **inside}
    record = "".join(f"{path},{_digest(content)},{len(content)}\n" for path, content in contents.items())
    contents[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, _MOMENT)
            # Deflate is another from zlib to zlib; stored bytes are the same everywhere.
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_STORED, 0o644 << 16, 3
            archive.writestr(entry, content)
    return target


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
