"""Atomic, durable writes: after a power cut a change has happened completely or not at all."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: From <fcntl.h> and <linux/fs.h>: paths are relative to the working directory; exchange two names.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def sync_path(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> None:
    """Wait until the file system that holds a folder is written to disk: syncfs(2), which also reports errors.

    Raises:
        OSError: something could not be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file: after a power cut it has either its new or its old content."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    sync_path(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append a line to a file; where a power cut left an incomplete line, end that one first."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        is_incomplete = False
        if end:
            stream.seek(end - 1)
            is_incomplete = stream.read(1) != b"\n"
        stream.write((b"\n" if is_incomplete else b"") + line.encode() + b"\n")
        stream.flush()
        os.fsync(descriptor)
    sync_path(path.parent)


def replace_symlink(link: Path, target: str) -> None:
    """Point a symbolic link to another target by a single rename: at no moment is it missing."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_path(link.parent)


def exchange(one: Path, other: Path) -> None:
    """Exchange two files or folders of one file system by a single call: at no moment is either name missing.

    Raises:
        OSError: the file system cannot do that, or one of them does not exist.
    """
    # Python has no function for it: renameat2(2), in the C library since glibc 2.28.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


@contextmanager
def fixed_umask(mask: int = 0o022) -> Iterator[None]:
    """Create files with the given file mode creation mask, whatever the shell of the installing user has set.

    Under 077 the service's user could not start what root has installed, under 000 everybody could change it.
    """
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
