"""A file that whole lines are appended to, for weeks."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import SinkError
from edge.sinks.files.rotation import Rotation

#: What may be over when the first line is there to be written: a full disk; a pipe that nobody reads yet.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.ENXIO)
#: A header is not longer than this.
_HEADER_BYTES = 65536


class LineFile:
    """Appends lines, each whole or not at all, and each there for a reader at once.

    A file that was moved or deleted from outside (logrotate) is begun anew under its name. A folder that vanishes is
    not made again: it may have been a disk that comes back.

    Args:
        path: a file, a named pipe or a device.
        rotation: when to begin a new file; for files alone.

    Raises:
        SinkError: it can never be written: a folder, a missing folder, no permission.
    """

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        self._path, self._rotation = path, rotation
        self._fd = -1
        #: What the next line begins with: ends a torn line.
        self._prefix = b""
        self._header = ""
        try:
            self._open()
        except OSError as error:
            if error.errno not in _PASSING:
                raise self._failed(error) from error
        if rotation and self._fd >= 0 and not self._regular():
            self.close()
            raise SinkError(f"cannot rotate {path}: expected a file, this is a device or a pipe")

    def write(self, line: str, header: str = "") -> None:
        """Append one line.

        Args:
            line: with its line break.
            header: what every file begins with; a file that holds lines must have the same.

        Raises:
            SinkError: it cannot be written; nothing of it was.
        """
        data = line.encode("utf-8", "backslashreplace")
        try:
            if self._fd >= 0 and self._is_elsewhere():
                self.close()
            if self._fd < 0:
                self._open()
            if self._regular():
                self._append(data, header)
            else:
                if header != self._header:
                    data = header.encode("utf-8", "backslashreplace") + data
                self._put(data, None)
                self._header = header
        except OSError as error:
            if error.errno == errno.EPIPE:
                # Whoever reads the pipe next opens it anew.
                self.close()
            raise self._failed(error) from error

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError as error:
                raise self._failed(error) from error

    def _append(self, data: bytes, header: str) -> None:
        size = os.fstat(self._fd).st_size
        crowded = self._rotation is not None and size and size + len(data) > self._rotation.size_bytes
        if crowded or (size and header and not self._begins_with(header)):
            self._begin_anew()
            size = 0
        if not size:
            data = header.encode("utf-8", "backslashreplace") + data
        self._put(data, size)
        self._header = header

    def _begins_with(self, header: str) -> bool:
        """Whether the file has this header; raises SinkError where it has another and must stay."""
        if self._header == header:
            return True
        with self._path.open(encoding="utf-8", errors="replace", newline="") as stream:
            same = stream.readline(_HEADER_BYTES).rstrip("\r\n") == header.rstrip("\r\n")
        if not same and self._rotation is None:
            raise SinkError(
                f"{self._path} has other columns than these events: expected a new file, or the same model's"
            )
        return same

    def _begin_anew(self) -> None:
        assert self._rotation is not None
        # The link stays where it is, if it is one; what it points to is rotated.
        self._rotation.shift(Path(os.path.realpath(self._path)))
        self.close()
        self._open()

    def _put(self, data: bytes, size: int | None) -> None:
        """Write all of it, or cut off again what was written; `size` is where that is possible."""
        rest = memoryview(self._prefix + data)
        whole = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            if len(rest) < whole:
                # Cut, or else ended, before the next line begins.
                if size is None:
                    self._prefix = b"\n"
                else:
                    with suppress(OSError):
                        os.ftruncate(self._fd, size)
            raise
        self._prefix = b""

    def _open(self) -> None:
        # O_NONBLOCK: a pipe that nobody reads is an error here, not a wait without an end.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
        self._fd = os.open(self._path, flags, 0o666)
        os.set_blocking(self._fd, True)
        self._header = ""
        self._prefix = b"" if self._ends_with_a_line() else b"\n"

    def _ends_with_a_line(self) -> bool:
        """False where the power went in the middle of a line."""
        if not self._regular() or not (size := os.fstat(self._fd).st_size):
            return True
        with self._path.open("rb") as stream:
            stream.seek(size - 1)
            return stream.read(1) == b"\n"

    def _regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._fd).st_mode)

    def _is_elsewhere(self) -> bool:
        """Whether the name stands for another file by now, or for none."""
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return True

    def _failed(self, error: OSError) -> SinkError:
        return SinkError(f"cannot write events to {self._path}: {error.strerror or error}")
