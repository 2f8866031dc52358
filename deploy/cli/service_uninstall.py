"""`mien service uninstall`."""

from __future__ import annotations

from contextlib import suppress

import click

from deploy.cli.service_install import require_root, require_service_system
from deploy.cli.service_questions import can_ask
from deploy.device.service import NAME
from deploy.service.removal import existing_files, uninstall_service
from deploy.service.service_files import ServiceFiles
from deploy.service.service_unit import require_own_unit
from deploy.service.systemctl import Systemd
from edge.errors import WrongUseError
from edge.system.operating_system import optional_module


@click.command("uninstall")
@click.option("--keep-config", is_flag=True, help="Keep /etc/mien: the configuration and the secrets.")
@click.option("--yes", is_flag=True, help="Do not ask before removing files.")
def service_uninstall(keep_config: bool, yes: bool) -> None:
    """Remove the service and all of its files: unit, drop-ins, configuration, secrets, events and cache.

    The environment in which pip has installed mien stays.
    """
    require_service_system("mien service uninstall")
    files = ServiceFiles()
    require_root("sudo mien service uninstall")
    files.require_systemd()
    require_own_unit(files)
    found = existing_files(files, keep_config)
    if not found:
        click.echo("nothing to remove: no service of mien is installed")
        return
    if not yes:
        if not can_ask():
            raise WrongUseError("this removes files, also events: expected a terminal to ask on, or --yes")
        listed = ", ".join(map(files.shown, found))
        click.confirm(f"Stop the service and remove {listed}?", abort=True, err=True)
    for path in uninstall_service(files, Systemd(), keep_config):
        click.echo(f"removed {files.shown(path)}")
    if keep_config and files.settings.exists():
        click.echo(f"kept {files.shown(files.settings)}")
    users = optional_module("pwd")
    assert users is not None, "Linux has it"
    with suppress(KeyError):
        users.getpwnam(NAME.removesuffix(".service"))
        click.echo("the user mien stays; to remove it:  sudo deluser --system mien")
