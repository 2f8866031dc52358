"""Options that several commands of `mien convert` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from convert.quality_gate import Limits

_DEFAULTS = Limits()

limit = click.option("--limit", type=click.IntRange(1), help="Score at most this many faces.")


def quality_gate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that set the limits of the quality gate, and pass them as `limits`."""

    @wraps(command)
    def with_limits(
        *args: Any,
        max_drop: float,
        min_agreement: float,
        max_class_drop: float,
        min_above_chance: float,
        **options: Any,
    ) -> Any:
        return command(*args, limits=Limits(max_drop, min_agreement, max_class_drop, min_above_chance), **options)

    decorated: Callable[..., Any] = with_limits
    for option in (
        click.option(
            "--min-above-chance",
            type=float,
            default=_DEFAULTS.min_above_chance,
            show_default=True,
            help="Least mean recall of the float model above guessing, in percentage points.",
        ),
        click.option(
            "--max-class-drop",
            type=float,
            default=_DEFAULTS.max_class_drop,
            show_default=True,
            help="Largest permitted loss of recall of any one class, in percentage points, unless it may be by chance.",
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
        decorated = option(decorated)
    return decorated
