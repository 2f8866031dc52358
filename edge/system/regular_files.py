"""Reads files that somebody names: regular ones only, up to a size.

A pipe would be waited for, and a device such as `/dev/zero` never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from edge.system.operating_system import open_flags

_FLAGS = open_flags("RDONLY", "NONBLOCK", "NOCTTY", "CLOEXEC")


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: it cannot be opened; or it is a folder, a pipe, a device or a socket.
    """
    # O_NONBLOCK: opening a pipe without a writer returns at once.
    try:
        descriptor = os.open(path, _FLAGS)
    except PermissionError:
        # What Windows has for a folder.
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "expected a regular file, this is a pipe (such as <(...)) or a device", str(path))


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: see `open_regular`; or it has more than `max_bytes`.
    """
    with open_regular(path) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"expected at most {max_bytes:,} bytes, it has more", str(path))
    return content
