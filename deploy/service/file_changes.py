"""Changes of files that can be undone."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.device.atomic_io import sync_path, write_file


class FileChanges:
    """Writes files atomically and remembers what was there before.

    `undo` restores it: files that were replaced have their old content again, and what did not exist is gone.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def make_folder(self, path: Path, mode: int = 0o755) -> None:
        """Create a folder, and the folders above it, where they do not exist."""
        if path.is_dir():
            return
        self.make_folder(path.parent)
        # First what undoes it: nothing may come between, not even Ctrl-C.
        self._undo.append(lambda: _remove_empty(path))
        path.mkdir(mode=mode)

    def write(self, path: Path, content: bytes, mode: int = 0o644) -> None:
        """Replace a file of a folder that only root can write to."""
        self.make_folder(path.parent)
        if path.is_file():
            before, mode_before = path.read_bytes(), path.stat().st_mode & 0o777
            self._undo.append(lambda: write_file(path, before, mode_before))
        else:
            self._undo.append(lambda: path.unlink(missing_ok=True))
        # A file of an earlier attempt would keep its mode.
        path.with_name(f".{path.name}.new").unlink(missing_ok=True)
        self._undo.append(lambda: path.with_name(f".{path.name}.new").unlink(missing_ok=True))
        write_file(path, content, mode)

    def write_among_others(self, folder: Path, name: str, content: bytes) -> None:
        """Replace a file of a folder that another user can write to, who may have put links there.

        Args:
            folder: the folder; the folders above it belong to root.
            name: of the file.
            content: of the file, which everybody may read.
        """
        descriptor = os.open(os.path.realpath(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        temporary = f".{name}-{secrets.token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o644, dir_fd=descriptor), "wb") as stream:
                try:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                    self._undo.append(lambda: (folder / name).unlink(missing_ok=True))
                    os.replace(temporary, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
                except BaseException:
                    with suppress(FileNotFoundError):
                        os.unlink(temporary, dir_fd=descriptor)
                    raise
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def expect(self, path: Path) -> None:
        """Remember that another program may create a file or folder, so that `undo` removes it."""
        if not os.path.lexists(path):
            self._undo.append(lambda: remove(path))

    def undo(self) -> None:
        """Undo everything, the last change first. What cannot be undone keeps nothing else from being undone."""
        while self._undo:
            with suppress(OSError):
                self._undo.pop()()


def remove(path: Path) -> bool:
    """Remove a file, a link or a folder with all that is in it.

    Returns:
        Whether there was any.

    Raises:
        OSError: it cannot be removed.
    """
    if not os.path.lexists(path):
        return False
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    sync_path(path.parent)
    return True


def _remove_empty(path: Path) -> None:
    with suppress(OSError):
        path.rmdir()
