"""`mien doctor`: checks whether every part of mien works on this machine."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.doctor import examine
from edge.errors import MienError

if TYPE_CHECKING:
    from edge.doctor.configuration import Configuration

_COLORS = {"ok": "green", "note": "cyan", "warning": "yellow", "broken": "red"}


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check what this configuration of `mien run` asks for, too: its source, model, detector, sinks and preview.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding, one finding per line.")
@click.pass_context
def doctor(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Check whether mien works on this machine, and name the command that fixes each problem.

    The exit status is 1 if a part of mien does not work on this machine; warnings and notes do not change it.
    """
    configured = () if config is None else _configuration(ctx, config).examine()
    broken = 0
    # Printed one by one, because importing the libraries takes seconds on a small board.
    for finding in chain(examine(), configured):
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


def _configuration(ctx: click.Context, path: Path) -> Configuration:
    """Read a configuration as `mien run --config` does.

    Raises:
        WrongUseError: it cannot be read, or a value is not valid.
        UsageError: likewise.
    """
    # Not before: they import the libraries that the other checks are about.
    from edge.cli.run import run, run_settings
    from edge.doctor.configuration import Configuration

    with run.make_context("run", ["--config", str(path)], parent=ctx) as values:
        return Configuration(run_settings(values))
