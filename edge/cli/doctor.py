"""`mien doctor`: finds what is wrong with this machine."""

from __future__ import annotations

import json

import click

from edge.doctor import examine
from edge.errors import MienError

_COLORS = {"ok": "green", "note": "cyan", "warning": "yellow", "broken": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding and line.")
def doctor(as_json: bool) -> None:
    """Find what is wrong with this machine, and name the command that fixes it.

    The exit status is 1 if some part of mien does not work here; warnings and notes leave it at 0.
    """
    broken = 0
    # Printed as they come: importing the libraries takes seconds on a small board.
    for finding in examine():
        broken += finding.state == "broken"
        if as_json:
            click.echo(json.dumps(finding.as_json()))
            continue
        state = click.style(f"{finding.state:<8}", fg=_COLORS[finding.state])
        click.echo(f"{state} {finding.subject:<17} {finding.message}")
        if finding.fix:
            click.echo(f"{'':<26} fix: {finding.fix}")
    if broken:
        raise MienError(f"{broken} check{'s' * (broken > 1)} failed: see the lines above marked broken")
