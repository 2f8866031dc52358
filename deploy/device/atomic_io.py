"""Writes that a power cut leaves done or undone, and nothing between."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def sync_path(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_disk(path: Path) -> None:
    """Wait until everything on the disk that holds a folder is written: syncfs(2), which tells of errors as well.

    Raises:
        OSError: something could not be written.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file: after a power cut it is there whole, or as it was before."""
    temporary = path.with_name(f".{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(handle)
    temporary.replace(path)
    sync_path(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line to a file, beginning anew where a power cut left half of one."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        broken = False
        if end:
            stream.seek(end - 1)
            broken = stream.read(1) != b"\n"
        stream.write((b"\n" if broken else b"") + line.encode() + b"\n")
        stream.flush()
        os.fsync(handle)
    sync_path(path.parent)


def point(link: Path, target: str) -> None:
    """Let a symbolic link point elsewhere, by one rename: there is no moment without it."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_path(link.parent)
