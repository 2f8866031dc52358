"""The expressions of the last minutes."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from threading import Lock
from typing import Any

#: The length of the timeline and of one column: 150 columns of two seconds, which a phone can show.
SPAN_S, COLUMN_S = 300.0, 2.0


class _Column:
    """Counts over two seconds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.frames = self.frames_with_faces = 0
        self.faces: Counter[str] = Counter()


class Timeline:
    """Counts faces by expression; about 150 small records, however long the daemon runs.

    The loop's thread adds, the server's thread reads.

    Args:
        now_s: returns the monotonic time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = Lock()
        self._columns: deque[_Column] = deque(maxlen=round(SPAN_S / COLUMN_S))

    def add(self, expressions: Collection[str]) -> None:
        """Count one frame: the announced expression of each face in it."""
        number = self.number
        with self._lock:
            if not self._columns or self._columns[-1].number != number:
                self._columns.append(_Column(number))
            column = self._columns[-1]
            column.frames += 1
            column.frames_with_faces += bool(expressions)
            for label in expressions:
                column.faces[label] += 1

    @property
    def number(self) -> int:
        """The number of the current column; when it changes, the timeline has a new column."""
        return int(self._now_s() // COLUMN_S)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: `columns`, oldest first, each `[age, presence, {label: share}]`.

        `age` is counted in columns, 0 for the current one. `presence` is the share of the column's frames that show a
        face. The shares are those of the faces, and sum to 1.
        """
        now, count = self.number, self._columns.maxlen
        assert count is not None
        with self._lock:
            columns = [
                [
                    now - column.number,
                    round(column.frames_with_faces / column.frames, 3),
                    {label: round(faces / column.faces.total(), 3) for label, faces in column.faces.items()},
                ]
                for column in self._columns
                if now - column.number < count
            ]
        return {"column_s": COLUMN_S, "count": count, "columns": columns}
