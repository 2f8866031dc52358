"""The tables of a history, and which file is one."""

from __future__ import annotations

import sqlite3

#: `mien` in ASCII: the header of the file holds it (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x6D69656E
#: Counted up whenever the tables change in a way that an older mien cannot read or write.
VERSION = 1

#: Times are in milliseconds since 1970, UTC. A stay is a face from its first to its last detection. The unique indexes
#: make it harmless to write an event twice.
_TABLES = """
CREATE TABLE stays (
    id INTEGER PRIMARY KEY,
    ended_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    track_id INTEGER NOT NULL,
    seconds REAL NOT NULL
);
CREATE UNIQUE INDEX stays_by_time ON stays (ended_ms, source, track_id);
CREATE TABLE shares (
    stay_id INTEGER NOT NULL REFERENCES stays ON DELETE CASCADE,
    expression TEXT NOT NULL,
    share REAL NOT NULL,
    PRIMARY KEY (stay_id, expression)
) WITHOUT ROWID;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    track_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    expression TEXT NOT NULL,
    score REAL
);
CREATE UNIQUE INDEX changes_by_time ON changes (time_ms, source, track_id, state);
"""


def problem_of(connection: sqlite3.Connection) -> str:
    """Return why a database is no history that this version can use; empty if it is one.

    Raises:
        sqlite3.Error: the file is no database, or cannot be read.
    """
    application_id, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application_id != APPLICATION_ID:
        return "it is the database of another program"
    if version != VERSION:
        return f"its version is {version}, this mien reads and writes version {VERSION}"
    return ""


def is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether a database has no tables and belongs to no program: a new file, or one whose creation was cut off.

    Raises:
        sqlite3.Error: the file is no database, or cannot be read.
    """
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not tables and not _pragma(connection, "application_id") and not _pragma(connection, "user_version")


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, all or none of them.

    Raises:
        sqlite3.Error: they cannot be created.
    """
    # Both are stored in the file, and the first only before it has tables.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have created them a moment ago.
        if is_empty(connection):
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
