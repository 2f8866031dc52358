"""The group `mien service` and its commands."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "install": ("deploy.cli.service_install:service_install", "Install and start the service of this board."),
        "uninstall": ("deploy.cli.service_uninstall:service_uninstall", "Remove the service and all of its files."),
        "status": ("deploy.cli.service_status:service_status", "Show whether the service runs, and since when."),
    },
)
def service() -> None:
    """Run mien as a service of this board, without a bundle.

    For one board and an environment that pip has installed. For several, see `mien deploy`: signed bundles, with a
    self-test and a rollback.
    """
