"""The type of `--threads`."""

from __future__ import annotations

from typing import Any

import click

from edge.threads import AUTO, Threads

_MOST = 64


class ThreadCount(click.ParamType[Threads]):
    """A number of threads, or `auto`."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Threads:
        """Parse one value."""
        if value == AUTO:
            return AUTO
        try:
            count = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is no number of threads: expected auto, or 1 to {_MOST}", param, ctx)
        if not 1 <= count <= _MOST:
            self.fail(f"{value} is not in the range of threads: expected auto, or 1 to {_MOST}", param, ctx)
        return count
