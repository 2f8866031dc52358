"""The type of options that a function of the library parses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from edge.errors import WrongUseError

T = TypeVar("T")


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
