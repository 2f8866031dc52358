"""An option whose text a function of the library understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from edge.errors import WrongUseError

T = TypeVar("T")


class Parsed(click.ParamType[T]):
    """What a function makes of the text.

    Args:
        name: of the type.
        parse: takes the text; raises `WrongUseError` where it means nothing.
    """

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """The value; fails where the text means nothing."""
        try:
            return self._parse(str(value))
        except WrongUseError as error:
            self.fail(str(error), param, ctx)
