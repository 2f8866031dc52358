"""A command whose help lists its options in groups."""

from __future__ import annotations

from typing import ClassVar

import click


class GroupedCommand(click.Command):
    """Lists options under the headings of `groups`, in their order, and all others under `Other`.

    Attributes:
        groups: heading to the names of parameters.
    """

    groups: ClassVar[dict[str, tuple[str, ...]]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        records = {
            str(parameter.name): record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx)) is not None
        }
        for heading, names in self.groups.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        if records:
            with formatter.section("Other"):
                formatter.write_dl(list(records.values()))
