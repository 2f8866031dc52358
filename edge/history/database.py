"""Opens the SQLite file of a history. A file that is something else is left as it is."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import DataError, SinkError, first_line
from edge.history import schema
from edge.system.operating_system import open_flags
from edge.system.untrusted_text import printable

#: How long to wait for another process that writes.
_BUSY_TIMEOUT_S = 1.0
#: The write-ahead log shrinks to this size.
_MAX_LOG_BYTES = 4 << 20


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a history, or create it as a file that only its owner can read.

    Returns:
        A connection in autocommit mode, for use in one thread at a time.

    Raises:
        SinkError: the file is something else, or of another version; or it is a folder, a pipe or a device.
        sqlite3.Error: the database cannot be opened at the moment, or never.
        OSError: the file cannot be created.
    """
    with suppress(FileExistsError):
        # SQLite would create it with the mode 0644. The files beside it get the mode of this one.
        os.close(os.open(path, open_flags("RDWR", "CREAT", "EXCL", "CLOEXEC"), 0o600))
    # The file is not opened here: closing it would give up the locks that this process has (fcntl(2)).
    if not stat.S_ISREG(path.stat().st_mode):
        raise SinkError(f"{printable(str(path))} is no file: expected the file of a history, or a new one")
    connection = _connect(path, "rw")
    try:
        # Before anything is written.
        if schema.is_empty(connection):
            schema.create(connection)
        if problem := schema.problem_of(connection):
            raise SinkError(f"{printable(str(path))} is no history of mien that can be continued: {problem}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(f"PRAGMA journal_size_limit = {_MAX_LOG_BYTES}").fetchall()
        # A power failure may cost the last events, and never the file (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted does not stay in the file.
        connection.execute("PRAGMA secure_delete = ON").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a history for reading, also while mien writes to it.

    Raises:
        DataError: there is no such file, it cannot be read, or it is no history of this version.
    """
    shown = printable(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{shown} is no file: expected the file that the sink sqlite:PATH writes")
        connection = _connect(path, "ro")
    except (OSError, sqlite3.Error) as error:
        raise unreadable(path, error) from error
    try:
        problem = schema.problem_of(connection)
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    if problem:
        connection.close()
        raise DataError(f"{shown} is no history that this mien can read: {problem}")
    return connection


def unreadable(path: Path, error: OSError | sqlite3.Error) -> DataError:
    """Return the error for a history that cannot be read."""
    reason = getattr(error, "strerror", None) or first_line(error)
    return DataError(
        f"cannot read the history {printable(str(path))}: {reason}; expected the file that the sink sqlite:PATH "
        "writes, read by its owner"
    )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # An absolute path: in a URI, one that begins with two slashes would name a host.
    location = f"{Path(os.path.abspath(path)).as_uri()}?mode={mode}"  # noqa: PTH100
    return sqlite3.connect(location, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
