"""`mien service status`."""

from __future__ import annotations

import json

import click

from deploy.cli.service_install import require_service_system
from deploy.service.service_files import ServiceFiles
from deploy.service.service_report import read_report
from deploy.service.systemctl import Systemd
from edge.system.untrusted_text import printable


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def service_status(as_json: bool) -> None:
    """Show whether the service runs, and since when, its status, its configuration and the address of the preview.

    Also for a service that `mien deploy` has installed. What only root may read is left out.
    """
    require_service_system("mien service status")
    files = ServiceFiles()
    files.require_systemd()
    report = read_report(files, Systemd())
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in report.as_text().split("\n"):
            click.echo(printable(line))
