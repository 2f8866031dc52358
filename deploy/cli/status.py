"""`mien deploy status`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from deploy.cli import options
from deploy.device.install_status import as_text
from deploy.device.install_status import status as read_status
from deploy.device.release_store import Prefix


@click.command()
@options.prefix
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def status(prefix: Path, as_json: bool) -> None:
    """What is installed here, and what was tried: the last ten attempts with the reasons of those that failed."""
    told = read_status(Prefix(prefix))
    click.echo(json.dumps(told, indent=2) if as_json else as_text(told))
