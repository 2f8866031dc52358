"""Bad records: the rows and images that a reader leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import DataError

#: Greatest percentage of bad rows or images; a data set with more of them is probably the wrong file.
MAX_PERCENT = 1
#: Number of bad rows or images at which reading ends, whatever comes after them: each is kept as a line of text.
MAX_BAD = 100_000


class BadRecords:
    """Counts and reports bad rows or images, and rejects the data set if there are too many.

    Args:
        path: the data set.
        kind: `rows` or `images`.
        on_bad: called with one line for each bad record.
    """

    def __init__(self, path: Path, kind: str, on_bad: Callable[[str], None] | None) -> None:
        self._path, self._kind, self._on_bad = path, kind, on_bad
        self._n = 0
        self._first = ""

    def add(self, line: str) -> None:
        """Count one bad record.

        Args:
            line: where the record is, and what is wrong with it.

        Raises:
            DataError: there are more than `MAX_BAD`.
        """
        self._n += 1
        if self._n > MAX_BAD:
            raise DataError(f"{self._path}: more than {MAX_BAD} {self._kind} are bad, the first: {self._first}")
        self._first = self._first or line
        if self._on_bad:
            self._on_bad(line)

    def check(self, n_read: int) -> None:
        """Check that few of the records are bad.

        Args:
            n_read: number of all records that were read, bad ones included.

        Raises:
            DataError: more than `MAX_PERCENT` of them are bad.
        """
        if 100 * self._n > MAX_PERCENT * n_read:
            raise DataError(
                f"{self._path}: {self._n} of {n_read} {self._kind} are bad ({100 * self._n / n_read:.1f} %, at most "
                f"{MAX_PERCENT} % are left out), the first: {self._first}"
            )


def summarize_bad_records(name: str, bad: Sequence[str], n_good: int) -> str:
    """Return one line about the bad records of a data set.

    Args:
        name: of the data set.
        bad: one line for each bad record; at least one.
        n_good: number of the faces that were read.
    """
    return f"{name}: skipped {len(bad)} of {len(bad) + n_good} records as unreadable, the first: {bad[0]}"
