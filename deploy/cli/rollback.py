"""`mien deploy rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import options
from deploy.device.progress import say, say_nothing
from deploy.device.release_store import Prefix
from deploy.device.reversion import roll_back


@click.command()
@options.prefix
@click.option("--to", metavar="VERSION", help="Another release than the last one.")
@click.option("--force", is_flag=True, help="Without the self-test.")
@options.frames
@options.limit
@options.verbose
def rollback(prefix: Path, to: str | None, force: bool, frames: int, limit: float, verbose: bool) -> None:
    """Go back to the release that was current before, once it passes its self-test."""
    click.echo(roll_back(Prefix(prefix), to, force, frames, limit, say if verbose else say_nothing))
