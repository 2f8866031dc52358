"""The history: what faces showed, in one SQLite file, and the share of each expression by hour or day.

`schema.py` describes the tables, `database.py` opens the file, `recording.py` writes events to it and deletes old
ones, `stays.py` reads it, `periods.py` sums up, and `chart.py` draws.
"""

from __future__ import annotations

from edge.history.periods import UNITS, Period, Unit, sum_up
from edge.history.recording import HistoryRecorder
from edge.history.stays import Stay, read_stays

__all__ = ["UNITS", "HistoryRecorder", "Period", "Stay", "Unit", "read_stays", "sum_up"]
