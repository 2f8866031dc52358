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
_MAX_DIGITS = 15


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


def parse_bytes(text: str) -> int:
    """Parse a number of bytes: `65536`, `64K` or `1M`, K being 1,024 bytes.

    Raises:
        WrongUseError: it is no such number, or not positive.
    """
    number, unit = text.strip().upper(), 1
    for suffix, size in (("K", 1 << 10), ("M", 1 << 20)):
        if number.endswith(suffix):
            number, unit = number.removesuffix(suffix), size
    if not number.isascii() or not number.isdigit() or len(number) > _MAX_DIGITS or int(number) < 1:
        raise WrongUseError(f"{text!r} is not a number of bytes: expected one such as 65536, 64K or 1M")
    return int(number) * unit


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


#: The type of options that are a number of bytes.
BYTES = Parsed("bytes", parse_bytes)
