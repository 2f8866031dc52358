"""`mien doctor`: checks whether every part of mien works on this machine."""

from __future__ import annotations

import json

import click

from edge.doctor import examine
from edge.errors import MienError

_COLORS = {"ok": "green", "note": "cyan", "warning": "yellow", "broken": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding, one finding per line.")
def doctor(as_json: bool) -> None:
    """Check whether mien works on this machine, and name the command that fixes each problem.

    The exit status is 1 if a part of mien does not work on this machine; warnings and notes do not change it.
    """
    broken = 0
    # Printed one by one, because importing the libraries takes seconds on a small board.
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
