"""Opens files that somebody names: regular ones only. A pipe would be waited for, and a device may never end.

`edge.system.regular_files` does the same, but is no part of the installer, which is one file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it cannot be opened, or is a folder, a pipe, a device or a socket.
    """
    # O_NONBLOCK: opening a pipe without a writer returns at once.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "expected a regular file, not a folder, a pipe or a device", str(path))
