"""The lock that allows one installer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import DeployError


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock that is released when this process ends, however it ends.

    Args:
        path: the lock file, which is left in place.

    Raises:
        DeployError: another process holds the lock.
    """
    # Here: a workstation without it, such as Windows, imports this module for the commands that concern devices.
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise DeployError(f"another installation is in progress (process {pid}): wait until it ends") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
