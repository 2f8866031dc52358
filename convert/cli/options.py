"""Options that several commands of `mien convert` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from convert.quality_gate import Limits

_DEFAULTS = Limits()

limit = click.option("--limit", type=click.IntRange(1), help="Score at most this many faces.")


def quality_gate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that set the limits of the quality gate."""
    for option in (
        click.option(
            "--max-class-drop",
            type=float,
            default=_DEFAULTS.max_class_drop,
            show_default=True,
            help="Largest permitted loss of recall of any one class, in percentage points.",
        ),
        click.option(
            "--min-agreement",
            type=float,
            default=_DEFAULTS.min_agreement,
            show_default=True,
            help="Least percentage of faces on which both models must give the same answer.",
        ),
        click.option(
            "--max-drop",
            type=float,
            default=_DEFAULTS.max_drop,
            show_default=True,
            help="Largest permitted loss of accuracy, in percentage points.",
        ),
    ):
        command = option(command)
    return command
