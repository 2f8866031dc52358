"""Reads members of zip archives under a limit, because a member of a few bytes may unpack to gigabytes."""

from __future__ import annotations

import zipfile


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """Read one member of an archive.

    Args:
        archive: an opened archive.
        name: of the member.
        max_bytes: the largest size that it may unpack to.

    Raises:
        KeyError: there is no such member.
        zipfile.BadZipFile: the member is larger, or damaged. What `zipfile` raises for other damage passes through.
    """
    with archive.open(name) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise zipfile.BadZipFile(f"{name} unpacks to more than {max_bytes} bytes")
    return content
