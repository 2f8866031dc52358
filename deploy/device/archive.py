"""The bundle's file: a plain tar (POSIX ustar) of regular files, read before anything in it is trusted.

Python's tarfile knows links, devices, sparse files and extended headers, none of which a bundle has. Until the
signature is checked, these lines alone touch the file; whatever they do not know they refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edge.errors import BundleError

BLOCK_BYTES = 512


@dataclass(frozen=True)
class Member:
    """One file: its name, where its bytes begin, and how many they are."""

    name: str
    offset: int
    size_bytes: int


def read_members(stream: BinaryIO) -> list[Member]:
    """The files of a bundle in their order.

    Raises:
        BundleError: the file is cut short, damaged, or no bundle.
    """
    total = stream.seek(0, 2)
    members, position = [], 0
    while True:
        stream.seek(position)
        header = stream.read(BLOCK_BYTES)
        if len(header) < BLOCK_BYTES:
            raise BundleError("the bundle is cut short: copy it again")
        if not any(header):
            break
        member = _member(header, position + BLOCK_BYTES)
        if member.offset + member.size_bytes > total:
            raise BundleError(f"the bundle is cut short within {member.name}: copy it again")
        members.append(member)
        position = member.offset + -(-member.size_bytes // BLOCK_BYTES) * BLOCK_BYTES
    # What follows the end could be anything, and no signature would cover it.
    if total - position > 20 * BLOCK_BYTES + BLOCK_BYTES or any(header + stream.read()):
        raise BundleError("the bundle goes on behind its end: expected nothing there")
    return members


def read_chunks(stream: BinaryIO, member: Member, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    """A file's bytes.

    Raises:
        BundleError: there are fewer than before.
    """
    stream.seek(member.offset)
    left = member.size_bytes
    while left:
        chunk = stream.read(min(chunk_bytes, left))
        if not chunk:
            raise BundleError(f"the bundle is cut short within {member.name}: copy it again")
        left -= len(chunk)
        yield chunk


def _member(header: bytes, offset: int) -> Member:
    """POSIX.1-1988 ustar: name 0..100, size 124..136, checksum 148..156, type 156, magic 257..263, prefix 345..500."""
    try:
        name, prefix = (header[a:b].split(b"\0")[0].decode("ascii") for a, b in ((0, 100), (345, 500)))
        size, checksum = (int(header[a:b].rstrip(b"\0 "), 8) for a, b in ((124, 136), (148, 156)))
    except ValueError as error:
        raise BundleError("this is no bundle, or a damaged one: expected what `mien deploy bundle` writes") from error
    summed = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    if header[257:263] != b"ustar\0" or header[156:157] != b"0" or checksum != summed or size < 0:
        raise BundleError("this is no bundle, or a damaged one: expected what `mien deploy bundle` writes")
    return Member(f"{prefix}/{name}" if prefix else name, offset, size)
