"""The last minutes in numbers: which expressions were there, and for how much of the time."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from threading import Lock
from typing import Any

#: The strip's length and grain: 150 columns of two seconds, which a phone's screen can tell apart.
SPAN_S, COLUMN_S = 300.0, 2.0


class _Column:
    """What was seen in two seconds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.frames = self.frames_with_faces = 0
        self.faces: Counter[str] = Counter()


class Timeline:
    """Counts of faces by expression; about 150 small records, however long the daemon runs.

    The loop's thread adds, the preview's reads.

    Args:
        now_s: monotonic time.
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
        """Of the column that is being filled now: when it changes, there is something new to read."""
        return int(self._now_s() // COLUMN_S)

    def as_dict(self) -> dict[str, Any]:
        """As plain values: `columns`, oldest first, each `[age, presence, {label: share}]`.

        The age is in columns before now, 0 the current one; the presence is the share of the column's frames that
        had a face; the shares are of its faces and make 1.
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
