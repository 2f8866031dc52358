"""`mien deploy rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import options
from deploy.device.progress import ignore_step, print_step
from deploy.device.release_store import ReleaseStore
from deploy.device.reversion import roll_back


@click.command()
@options.prefix
@click.option("--to", metavar="VERSION", help="The release to go back to; default: the one that was current before.")
@click.option("--force", is_flag=True, help="Skip the self-test.")
@options.frames
@options.limit
@options.verbose
def rollback(prefix: Path, to: str | None, force: bool, frames: int, limit: float, verbose: bool) -> None:
    """Go back to the release that was current before, if it passes its self-test."""
    options.require_device("mien deploy rollback")
    click.echo(roll_back(ReleaseStore(prefix), to, force, frames, limit, print_step if verbose else ignore_step))
