"""`mien doctor`: what is wrong with this machine."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from edge.doctor import examine
from edge.errors import MienError

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "broken": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, one a line.")
def doctor(as_json: bool) -> None:
    """What is wrong with this machine, and the command that mends it.

    Exit status 1 if something of mien does not work here; warnings and notes leave it at 0.
    """
    broken = 0
    # As they come: loading what must fit together takes seconds on a small board.
    for finding in examine():
        broken += finding.state == "broken"
        if as_json:
            click.echo(json.dumps(asdict(finding)))
            continue
        state = click.style(f"{finding.state:<8}", fg=_COLOURS[finding.state])
        click.echo(f"{state} {finding.subject:<17} {finding.said}")
        if finding.fix:
            click.echo(f"{'':<26} mend: {finding.fix}")
    if broken:
        raise MienError(f"{broken} thing{'s' * (broken > 1)} broken here: see the lines above that say so")
