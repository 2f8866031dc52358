"""The type of options that are durations."""

from __future__ import annotations

import math
import re
from typing import Any

import click

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class Seconds(click.ParamType[float]):
    """Converts `90`, `90s`, `1.5m` or `1h` to seconds, at most a week.

    Args:
        lowest_s: the shortest duration that is accepted.
    """

    name = "seconds"

    def __init__(self, lowest_s: float) -> None:
        self._lowest_s = lowest_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the duration in seconds; fail if the text is not a duration."""
        match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)", str(value).strip())
        seconds = float(match[1]) * _UNITS_S[match[2]] if match else math.nan
        if not self._lowest_s <= seconds <= 7 * 24 * 3600:
            self.fail(
                f"{value!r} is not a valid duration: expected at least {self._lowest_s:g} seconds and at most a week, "
                "written as 90, 90s, 5m or 1h",
                param,
                ctx,
            )
        return seconds
