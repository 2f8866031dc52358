"""Writes events to a history, and deletes old ones."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.errors import SinkError, first_line
from edge.history.database import open_to_write
from edge.system.untrusted_text import printable
from edge.types import Event

#: How many rows of a table are deleted at once, and how many pages are then given back to the file system: a
#: transaction of this size takes milliseconds on a memory card.
_DELETED_ROWS, _FREED_PAGES = 500, 200
#: Errors that pass, when the file is opened for the first time.
_TRANSIENT_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
_TRANSIENT_ERRORS = (errno.ENOSPC, errno.EDQUOT)


class HistoryRecorder:
    """Writes the events of faces to a history, each batch in one transaction.

    If the file is deleted or moved away, a new one is created under its name.

    Args:
        path: of the file; its folder must exist.

    Raises:
        SinkError: the file can never be written to, or is no history. A full disk and a locked file may pass.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity: os.stat_result | None = None
        try:
            self._open()
        except sqlite3.Error as error:
            # The lowest byte is the kind of error (https://sqlite.org/rescode.html).
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _TRANSIENT_CODES:
                raise self._error(error) from error
        except OSError as error:
            if error.errno not in _TRANSIENT_ERRORS:
                raise self._error(error) from error

    def add(self, events: Sequence[Event]) -> None:
        """Write events: all of them or none. It does no harm to write one twice; those of single frames are left out.

        Raises:
            SinkError: they cannot be written at the moment.
        """
        with self._transaction() as connection:
            for event in events:
                if event.state == "ended":
                    _add_stay(connection, event)
                elif event.state != "frame":
                    _add_change(connection, event)

    def delete_before(self, time_ms: int) -> bool:
        """Delete a few of the rows that are older than a time, and return whether there may be more of them.

        Args:
            time_ms: milliseconds since 1970, UTC.

        Raises:
            SinkError: they cannot be deleted at the moment.
        """
        with self._transaction() as connection:
            deleted = 0
            for table, column in (("stays", "ended_ms"), ("changes", "time_ms")):
                cursor = connection.execute(
                    f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {column} < ? LIMIT ?)",
                    (time_ms, _DELETED_ROWS),
                )
                deleted = max(deleted, cursor.rowcount)
        if deleted:
            with self._errors():
                # Each step frees one page: `execute` makes only the first, because there are no columns to fetch.
                connection.executescript(f"PRAGMA incremental_vacuum({_FREED_PAGES})")
                # Otherwise what was deleted would stay in the log for a while.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return deleted == _DELETED_ROWS

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._errors():
                connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            if self._connection is not None and self._was_moved():
                self.close()
            connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk ends some transactions without being asked to.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _open(self) -> sqlite3.Connection:
        self._connection = open_to_write(self._path)
        self._identity = self._path.stat()
        return self._connection

    def _was_moved(self) -> bool:
        """Return whether the path names another file by now, or none."""
        try:
            return self._identity is None or not os.path.samestat(self._path.stat(), self._identity)
        except FileNotFoundError:
            return True

    def _error(self, error: sqlite3.Error | OSError) -> SinkError:
        reason = getattr(error, "strerror", None) or first_line(error)
        return SinkError(f"cannot write the history {printable(str(self._path))}: {reason}")


def _add_stay(connection: sqlite3.Connection, event: Event) -> None:
    assert event.dwell is not None
    cursor = connection.execute(
        "INSERT OR IGNORE INTO stays (ended_ms, source, track_id, seconds) VALUES (?, ?, ?, ?)",
        (_ms(event), printable(event.source), event.track_id, event.dwell.seconds),
    )
    if cursor.rowcount:
        rows = [(cursor.lastrowid, expression, share) for expression, share in event.dwell.shares.items()]
        connection.executemany("INSERT INTO shares (stay_id, expression, share) VALUES (?, ?, ?)", rows)


def _add_change(connection: sqlite3.Connection, event: Event) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO changes (time_ms, source, track_id, state, expression, score) VALUES (?, ?, ?, ?, ?, ?)",
        (_ms(event), printable(event.source), event.track_id, event.state, event.emotion, event.score),
    )


def _ms(event: Event) -> int:
    return round(event.time.timestamp() * 1000)
