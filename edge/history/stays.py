"""Reads the stays of a history: how long faces were present, and what they showed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from edge.errors import DataError
from edge.history.database import open_to_read, unreadable
from edge.system.suggestions import did_you_mean
from edge.system.untrusted_text import printable

#: A stay that is longer must be damage.
_LONGEST_S = 366 * 86400.0
#: The year 9998.
_LATEST_MS = 253_370_764_800_000


@dataclass(frozen=True)
class Stay:
    """A face from its first to its last detection.

    Attributes:
        begin_s, end_s: seconds since 1970, UTC.
        shares: expression to its share of that time.
    """

    begin_s: float
    end_s: float
    shares: dict[str, float]


def read_stays(path: Path, since_s: float | None = None, source: str | None = None) -> Iterator[Stay]:
    """Yield the stays of a history in the order in which they ended. Of one that began earlier, its end counts.

    Args:
        path: of the file.
        since_s: when to begin, in seconds since 1970; None for the beginning of the history.
        source: whose stays; None for those of all sources.

    Raises:
        DataError: the file cannot be read, is no history, or has no such source.
    """
    with closing(open_to_read(path)) as connection:
        try:
            if source is not None:
                _check_source(connection, path, source)
            rows = connection.execute(
                "SELECT id, ended_ms / 1000.0, min(max(seconds, 0.0), ?), expression, CAST(share AS REAL) FROM stays "
                "LEFT JOIN shares ON stay_id = id WHERE ended_ms BETWEEN ? AND ? AND (? IS NULL OR source = ?) "
                "ORDER BY ended_ms, id",
                (_LONGEST_S, round((since_s or 0.0) * 1000), _LATEST_MS, source, source),
            )
            for _, of_one in groupby(rows, itemgetter(0)):
                stay = list(of_one)
                _, end_s, seconds, *_ = stay[0]
                begin_s = end_s - seconds if since_s is None else max(end_s - seconds, since_s)
                yield Stay(min(begin_s, end_s), end_s, {row[3]: row[4] for row in stay if row[3] is not None})
        except sqlite3.Error as error:
            raise unreadable(path, error) from error


def _check_source(connection: sqlite3.Connection, path: Path, source: str) -> None:
    names = [name for (name,) in connection.execute("SELECT DISTINCT source FROM stays ORDER BY source")]
    if source not in names:
        raise DataError(
            f"{printable(str(path))} has no source {printable(source)!r}: expected one of "
            f"{', '.join(map(printable, names)) or 'none, it is empty'}{did_you_mean(source, names)}"
        )
