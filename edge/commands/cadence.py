"""How often the detector looks, as a person writes it."""

from __future__ import annotations

from typing import Any

import click

from edge.cadence import Cadence, parse_cadence
from edge.errors import WrongUseError


class CadenceType(click.ParamType[Cadence]):
    """`auto`, or a number of frames."""

    name = "cadence"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cadence:
        """The cadence; fails where it is none."""
        try:
            return parse_cadence(str(value))
        except WrongUseError as error:
            self.fail(str(error), param, ctx)
