"""A file to which whole lines are appended, over weeks."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import SinkError
from edge.sinks.files.rotation import Rotation
from edge.system.operating_system import open_flags, optional_module, system_function

#: Errors that may have passed when the first line is to be written: a full disk, a pipe without a reader.
_TRANSIENT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.ENXIO)
#: No header is longer than this.
_MAX_HEADER_BYTES = 65536
#: None on Windows.
_FCNTL = optional_module("fcntl")


class LineFile:
    """Appends lines, each whole or not at all, and each visible to a reader at once.

    If another program moves or deletes the file (logrotate), a new one is created under its name. A folder that
    disappears is not created again: it may have been a disk that comes back.

    A file that is rotated belongs to one writer: two would rename each other's files and delete what was written a
    moment ago. Several may append to one that is not. Windows has no such locks: there nothing keeps a second writer
    from rotating.

    Args:
        path: a file, a named pipe or a device.
        rotation: when to start a new file; for regular files only.

    Raises:
        SinkError: the path can never be written to: a folder, a missing folder, no permission; or another writer
            rotates it, or it should be rotated and has another writer.
    """

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        self._path, self._rotation = path, rotation
        self._fd = -1
        #: Written before the next line, to end an incomplete one.
        self._prefix = b""
        self._header = ""
        try:
            self._open()
        except OSError as error:
            if error.errno not in _TRANSIENT_ERRORS:
                raise self._error(error) from error
        if rotation and self._fd >= 0 and not self._is_regular():
            self.close()
            raise SinkError(f"cannot rotate {path}: expected a file, this is a device or a pipe")

    def write(self, line: str, header: str = "") -> None:
        """Append one line.

        Args:
            line: ends with a line break.
            header: the first line of every file; a file that already holds lines must begin with the same.

        Raises:
            SinkError: the line cannot be written, and no part of it was.
        """
        data = line.encode("utf-8", "backslashreplace")
        try:
            if self._fd >= 0 and self._was_moved():
                self.close()
            if self._fd < 0:
                self._open()
            if self._is_regular():
                self._append(data, header)
            else:
                if header != self._header:
                    data = header.encode("utf-8", "backslashreplace") + data
                self._write_all(data, None)
                self._header = header
        except OSError as error:
            if error.errno == errno.EPIPE:
                # The pipe is opened again for the next reader.
                self.close()
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError as error:
                raise self._error(error) from error

    def _append(self, data: bytes, header: str) -> None:
        size = os.fstat(self._fd).st_size
        is_too_large = self._rotation is not None and size and size + len(data) > self._rotation.size_bytes
        if is_too_large or (size and header and not self._begins_with(header)):
            self._rotate()
            size = 0
        if not size:
            data = header.encode("utf-8", "backslashreplace") + data
        self._write_all(data, size)
        self._header = header

    def _begins_with(self, header: str) -> bool:
        """Return whether the file has this header; raise SinkError if it has another one and cannot be rotated."""
        if self._header == header:
            return True
        with self._path.open(encoding="utf-8", errors="replace", newline="") as stream:
            same = stream.readline(_MAX_HEADER_BYTES).rstrip("\r\n") == header.rstrip("\r\n")
        if not same and self._rotation is None:
            raise SinkError(
                f"{self._path} has other columns than these events: expected a new file, or events of the same model"
            )
        return same

    def _rotate(self) -> None:
        assert self._rotation is not None
        if _FCNTL is None:
            # Windows renames no file that is open. With a lock, the file is held until it has its new name.
            self.close()
        # A symbolic link stays where it is; its target is rotated.
        self._rotation.shift(Path(os.path.realpath(self._path)))
        self.close()
        self._open()

    def _write_all(self, data: bytes, size: int | None) -> None:
        """Write all data, or undo a partial write by truncating the file to `size`; None where that is impossible."""
        rest = memoryview(self._prefix + data)
        whole = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            if len(rest) < whole:
                # Truncate the partial line, unless another writer's follows, or else end it before the next line.
                if size is None or os.fstat(self._fd).st_size != size + whole - len(rest):
                    self._prefix = b"\n"
                else:
                    with suppress(OSError):
                        os.ftruncate(self._fd, size)
            raise
        self._prefix = b""

    def _open(self) -> None:
        # O_NONBLOCK: opening a pipe without a reader is then an error, instead of blocking for ever.
        flags = open_flags("WRONLY", "APPEND", "CREAT", "NONBLOCK", "NOCTTY")
        self._fd = os.open(self._path, flags, 0o666)
        if hasattr(os, "O_NONBLOCK"):
            system_function("set_blocking")(self._fd, True)
        if self._is_regular():
            self._lock()
            if self._was_moved():
                # Its owner has rotated it between the two calls.
                self.close()
                self._open()
                return
        self._header = ""
        self._prefix = b"" if self._ends_with_line_break() else b"\n"

    def _lock(self) -> None:
        """Hold the file until it is closed: alone to rotate it, or else together with others.

        Raises:
            SinkError: another writer does not allow it.
        """
        if _FCNTL is None:
            return
        kind = _FCNTL.LOCK_SH if self._rotation is None else _FCNTL.LOCK_EX
        try:
            _FCNTL.flock(self._fd, kind | _FCNTL.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise SinkError(
                f"cannot write events to {self._path}: another sink or process writes to it, and one of them rotates "
                "it; expected a file for each"
            ) from error
        except OSError:
            # Some network file systems have no locks.
            return

    def _ends_with_line_break(self) -> bool:
        """Return False if the file ends in the middle of a line, as after a power failure."""
        if not self._is_regular() or not (size := os.fstat(self._fd).st_size):
            return True
        with self._path.open("rb") as stream:
            stream.seek(size - 1)
            return stream.read(1) == b"\n"

    def _is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._fd).st_mode)

    def _was_moved(self) -> bool:
        """Return whether the path names another file by now, or none."""
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return True

    def _error(self, error: OSError) -> SinkError:
        return SinkError(f"cannot write events to {self._path}: {error.strerror or error}")
