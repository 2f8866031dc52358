"""Durations as people write them: `90`, `90s`, `1.5m`, `2h`, `30d`."""

from __future__ import annotations

import math
import re

from edge.errors import WrongUseError, shown

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: What every message ends with.
_WRITTEN = "written as 90, 90s, 5m, 1h or 2d"


def parse_duration(text: str, lowest_s: float, highest_s: float) -> float:
    """Return a duration in seconds.

    Args:
        text: a number and a unit: `s`, `m`, `h` or `d`; without a unit they are seconds.
        lowest_s: the shortest duration that is accepted.
        highest_s: the longest one.

    Raises:
        WrongUseError: the text is not a duration, or is out of range.
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhd]?)", text.strip(), re.ASCII)
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else math.nan
    if not lowest_s <= seconds <= highest_s:
        raise WrongUseError(f"{shown(text)} is not a valid duration: expected {duration_range(lowest_s, highest_s)}")
    return seconds


def duration_range(lowest_s: float, highest_s: float) -> str:
    """Return which durations are accepted and how they are written, for the message of an error."""
    return f"at least {_as_text(lowest_s)} and at most {_as_text(highest_s)}, {_WRITTEN}"


def _as_text(seconds: float) -> str:
    days = seconds / _UNITS_S["d"]
    amount, unit = (days, "day") if days >= 1 and days.is_integer() else (seconds, "second")
    return f"{amount:g} {unit}{'' if amount == 1 else 's'}"
