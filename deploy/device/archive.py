"""Reads a bundle's file: a plain tar (POSIX ustar) of regular files, parsed before anything in it is trusted.

Written by hand and not with Python's tarfile, which also understands links, devices, sparse files and extended headers;
a bundle has none of them. Until the signature is verified this is the only code that touches the file, and it rejects
whatever it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edge.errors import BundleError

BLOCK_BYTES = 512
_NO_BUNDLE = "not a bundle, or a damaged one: expected a file that `mien deploy bundle` wrote"
#: tarfile pads an archive to a record of this many blocks.
_RECORD_BLOCKS = 20


@dataclass(frozen=True)
class Member:
    """One file in the archive.

    Attributes:
        name: its path.
        offset: position of its first byte in the archive.
        size_bytes: its size.
    """

    name: str
    offset: int
    size_bytes: int


def read_members(stream: BinaryIO) -> list[Member]:
    """List the files of a bundle in their order.

    Raises:
        BundleError: the file is truncated, damaged, or not a bundle.
    """
    total = stream.seek(0, 2)
    members: list[Member] = []
    position = 0
    while True:
        stream.seek(position)
        header = stream.read(BLOCK_BYTES)
        if len(header) < BLOCK_BYTES and not members:
            raise BundleError(_NO_BUNDLE)
        if len(header) < BLOCK_BYTES:
            raise BundleError("the bundle is truncated: copy it again")
        if not any(header):
            break
        member = _parse_header(header, position + BLOCK_BYTES)
        if member.offset + member.size_bytes > total:
            raise BundleError(f"the bundle is truncated within {printable_name(member.name)}: copy it again")
        members.append(member)
        position = member.offset + -(-member.size_bytes // BLOCK_BYTES) * BLOCK_BYTES
    # Data after the end of the archive could be anything, and no signature would cover it.
    if total - position > (_RECORD_BLOCKS + 1) * BLOCK_BYTES or any(header + stream.read()):
        raise BundleError("the bundle has data after its end: expected nothing there; copy it again")
    return members


def read_chunks(stream: BinaryIO, member: Member, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    """Yield the content of a file in chunks.

    Raises:
        BundleError: the bundle has become shorter since its members were listed.
    """
    stream.seek(member.offset)
    remaining = member.size_bytes
    while remaining:
        chunk = stream.read(min(chunk_bytes, remaining))
        if not chunk:
            raise BundleError(f"the bundle is truncated within {printable_name(member.name)}: copy it again")
        remaining -= len(chunk)
        yield chunk


def printable_name(name: str) -> str:
    """Return a file's name as a message shows it: one that has control characters as Python writes it."""
    return name if name.isprintable() else ascii(name)


def _parse_header(header: bytes, offset: int) -> Member:
    """POSIX.1-1988 ustar: name 0..100, size 124..136, checksum 148..156, type 156, magic 257..263, prefix 345..500."""
    try:
        name, prefix = (header[a:b].split(b"\0")[0].decode("ascii") for a, b in ((0, 100), (345, 500)))
        size, checksum = (int(header[a:b].rstrip(b"\0 "), 8) for a, b in ((124, 136), (148, 156)))
    except ValueError as error:
        raise BundleError(_NO_BUNDLE) from error
    computed = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    if header[257:263] != b"ustar\0" or header[156:157] != b"0" or checksum != computed or size < 0:
        raise BundleError(_NO_BUNDLE)
    return Member(f"{prefix}/{name}" if prefix else name, offset, size)
