"""The share of each expression by hour, by day or by hour of the day, in local time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from edge.history.stays import Stay
from edge.types import UNCERTAIN_LABEL

Unit = Literal["hour", "day", "hour-of-day"]
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass
class Period:
    """What faces showed in one period.

    Attributes:
        start_s: when it begins, in seconds since 1970; of an hour of the day, the hour: 0 to 23, in local time.
        unit: its length.
        faces: how many faces were present in it; a face that leaves and comes back counts twice.
        shown_s: expression to how long it was shown, in seconds, summed over the faces.
    """

    start_s: float
    unit: Unit
    faces: int = 0
    shown_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def seconds(self) -> float:
        """How long faces were present, summed over the faces."""
        return sum(self.shown_s.values())

    @property
    def shares(self) -> dict[str, float]:
        """Expression to its share of `seconds`, in the order of `expressions_of`; empty if that is 0."""
        total_s = self.seconds
        return {name: self.shown_s[name] / total_s for name in expressions_of([self])} if total_s else {}

    @property
    def title(self) -> str:
        """The period in local time: `2026-11-29 13:00`, `2026-11-29` or `13:00`."""
        if self.unit == "hour-of-day":
            return f"{self.start_s:02.0f}:00"
        return f"{datetime.fromtimestamp(self.start_s):{'%Y-%m-%d' if self.unit == 'day' else '%Y-%m-%d %H:%M'}}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: `start` is in UTC, but `local_hour` in local time."""
        start: dict[str, Any] = {"local_hour": int(self.start_s)}
        if self.unit != "hour-of-day":
            start = {"start": datetime.fromtimestamp(self.start_s, UTC).isoformat().replace("+00:00", "Z")}
        return {**start, "faces": self.faces, "seconds": round(self.seconds, 3), "shares": self.shares}


def expressions_of(periods: Iterable[Period]) -> list[str]:
    """Return the expressions that occur, sorted; `uncertain` is the last."""
    return sorted({name for period in periods for name in period.shown_s}, key=lambda n: (n == UNCERTAIN_LABEL, n))


def sum_up(stays: Iterable[Stay], unit: Unit) -> list[Period]:
    """Return the periods in which faces were present, in order.

    A stay that reaches over several periods is divided among them, each expression evenly: it is not known when in the
    stay it was shown.
    """
    periods: dict[float, Period] = {}
    for stay in stays:
        present_in = set()
        for start_s, seconds in _parts(stay, unit):
            period = periods.setdefault(start_s, Period(start_s, unit))
            present_in.add(start_s)
            for expression, share in stay.shares.items():
                period.shown_s[expression] += share * seconds
        for start_s in present_in:
            periods[start_s].faces += 1
    return [periods[start_s] for start_s in sorted(periods)]


def _parts(stay: Stay, unit: Unit) -> Iterator[tuple[float, float]]:
    """Yield the periods of a stay and how much of it is in each, in seconds; at least one, which may have 0."""
    begin_s = stay.begin_s
    while True:
        start_s, next_s = _bounds(begin_s, unit)
        end_s = min(stay.end_s, next_s)
        key = float(datetime.fromtimestamp(int(begin_s)).hour) if unit == "hour-of-day" else start_s
        yield key, end_s - begin_s
        if end_s >= stay.end_s:
            return
        begin_s = end_s


def _bounds(time_s: float, unit: Unit) -> tuple[float, float]:
    """Return when the local hour or day of a time begins and ends, in seconds since 1970."""
    local = datetime.fromtimestamp(int(time_s))
    if unit == "day":
        midnight = datetime(local.year, local.month, local.day)
        # Midnight to midnight: 23 or 25 hours where the clocks change.
        return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
    start_s = float(int(time_s) - local.minute * 60 - local.second)
    return start_s, start_s + 3600
