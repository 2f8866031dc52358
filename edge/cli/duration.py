"""The type of options that are durations."""

from __future__ import annotations

from typing import Any

import click

from edge.errors import WrongUseError
from edge.system.durations import parse_duration

_WEEK_S = 7 * 24 * 3600


class Seconds(click.ParamType[float]):
    """Converts `90`, `90s`, `1.5m`, `1h` or `2d` to seconds.

    Args:
        lowest_s: the shortest duration that is accepted.
        highest_s: the longest one; a week by default.
    """

    name = "seconds"

    def __init__(self, lowest_s: float, highest_s: float = _WEEK_S) -> None:
        self._lowest_s, self._highest_s = lowest_s, highest_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the duration in seconds; fail if the text is not a duration."""
        try:
            return parse_duration(str(value), self._lowest_s, self._highest_s)
        except WrongUseError as error:
            self.fail(str(error), param, ctx)
