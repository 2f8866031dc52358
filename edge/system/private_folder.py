"""A folder that only this user can read, and files in it that no link leads elsewhere."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from edge.system.operating_system import open_flags, system_function, user_id

_CREATE = open_flags("WRONLY", "CREAT", "EXCL", "NOFOLLOW", "CLOEXEC")


class PrivateFolder:
    """A folder of this user, created if need be, and made readable by its owner alone.

    It is held by a descriptor, so that files are created in this folder, whatever its path leads to by then. Windows
    has neither such descriptors nor modes: there a folder has the permissions of the one that it was made in.

    Args:
        path: of the folder.

    Raises:
        OSError: it is a link, or belongs to another user, who could read the files or lay links in their way; or it
            cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.open not in os.supports_dir_fd:
            if path.is_symlink():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return
        descriptor = os.open(path, open_flags("RDONLY", "DIRECTORY", "NOFOLLOW", "CLOEXEC"))
        try:
            if os.fstat(descriptor).st_uid != user_id():
                raise PermissionError(errno.EACCES, "it belongs to another user: name a new folder")
            system_function("fchmod")(descriptor, 0o700)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def is_used(self) -> bool:
        """Whether anything is in it."""
        return bool(os.listdir(self._path if self._descriptor is None else self._descriptor))  # noqa: PTH208

    def free_bytes(self) -> float:
        """The free space of its disk."""
        if self._descriptor is None:
            return shutil.disk_usage(self._path).free
        disk = system_function("fstatvfs")(self._descriptor)
        return float(disk.f_bavail * disk.f_frsize)

    def create(self, name: str, content: bytes) -> None:
        """Write a new file into the folder, never through a link.

        Raises:
            OSError: there is one of this name, or it cannot be written.
        """
        path = self._path / name if self._descriptor is None else name
        with open(os.open(path, _CREATE, 0o600, dir_fd=self._descriptor), "wb") as stream:  # noqa: PTH123
            stream.write(content)

    def close(self) -> None:
        """Release the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
