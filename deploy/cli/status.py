"""`mien deploy status`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from deploy.cli import options
from deploy.device.install_status import as_text, read_status
from deploy.device.release_store import ReleaseStore


@click.command()
@options.prefix
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(prefix: Path, as_json: bool) -> None:
    """Show the installed releases and the last ten attempts, with the reason of each that failed."""
    options.require_device("mien deploy status")
    current = read_status(ReleaseStore(prefix))
    click.echo(json.dumps(current, indent=2) if as_json else as_text(current))
