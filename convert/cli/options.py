"""Options that several commands of `mien convert` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from convert.quality_gate import Limits

_DEFAULTS = Limits()


def gate(command: Callable[..., Any]) -> Callable[..., Any]:
    """The limits past which a command exits 1."""
    for option in (
        click.option(
            "--max-class-drop",
            type=float,
            default=_DEFAULTS.max_class_drop,
            show_default=True,
            help="Points of recall that one class may lose.",
        ),
        click.option(
            "--min-agreement",
            type=float,
            default=_DEFAULTS.min_agreement,
            show_default=True,
            help="Percent of faces on which both must answer the same.",
        ),
        click.option(
            "--max-drop",
            type=float,
            default=_DEFAULTS.max_drop,
            show_default=True,
            help="Points of accuracy it may lose.",
        ),
    ):
        command = option(command)
    return command
