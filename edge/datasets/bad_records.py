"""What a reader leaves out because it is bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.errors import DataError

#: Above so many bad rows or images of a hundred, the set is refused: it is probably not what it should be.
MOST_PERCENT = 1


class BadRecords:
    """Counts bad rows or images, tells of each, and refuses the set when they are too many.

    Args:
        path: the data set.
        what: `rows` or `images`.
        on_bad: told of each, in one line.
    """

    def __init__(self, path: Path, what: str, on_bad: Callable[[str], None] | None) -> None:
        self._path, self._what, self._on_bad = path, what, on_bad
        self._n = 0
        self._first = ""

    def add(self, line: str) -> None:
        """Leave one out: where it is, and what is wrong with it."""
        self._n += 1
        self._first = self._first or line
        if self._on_bad:
            self._on_bad(line)

    def check(self, n_read: int) -> None:
        """See to it that few of all that were read, bad ones included, are bad.

        Raises:
            DataError: more than `MOST_PERCENT` are.
        """
        if 100 * self._n > MOST_PERCENT * n_read:
            raise DataError(
                f"{self._path}: {self._n} of {n_read} {self._what} are bad ({100 * self._n / n_read:.1f} %, at most "
                f"{MOST_PERCENT} % are left out), the first: {self._first}"
            )
