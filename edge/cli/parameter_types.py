"""The type of options that a function of the library parses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from edge.errors import WrongUseError

T = TypeVar("T")
#: A hundred cores: more than any machine that a limit is needed on.
_MAX_PERCENT = 10_000


class Parsed(click.ParamType[T]):
    """Converts an option's text by a function.

    Args:
        name: name of the type.
        parse: converts the text; raises `WrongUseError` if the text is not valid.
    """

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the value; fail if the text is not valid."""
        try:
            return self._parse(str(value))
        except WrongUseError as error:
            self.fail(str(error), param, ctx)


def parse_percent(text: str) -> float:
    """Parse a percentage of one core, with or without the sign.

    Raises:
        WrongUseError: it is no number from 1 to `_MAX_PERCENT`.
    """
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 1 <= percent <= _MAX_PERCENT:
        raise WrongUseError(f"{text!r} is not a percentage of a core: expected 1 to {_MAX_PERCENT}, such as 80 or 80%")
    return percent
