"""The group `mien deploy` and its commands."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "keygen": ("deploy.cli.keygen:keygen", "Generate the keys that sign and verify bundles."),
        "bundle": ("deploy.cli.bundle:bundle", "Build a signed file with everything that a device needs."),
        "installer": ("deploy.cli.installer:installer", "Write the installer, for a device without mien."),
        "install": ("deploy.cli.install:install", "Install a bundle here, if it is trusted and works."),
        "rollback": ("deploy.cli.rollback:rollback", "Go back to the release that was current before."),
        "status": ("deploy.cli.status:status", "Show what is installed here, and the last attempts."),
        "push": ("deploy.cli.push:push", "Install a bundle on other machines, over ssh."),
    },
)
def deploy() -> None:
    """Put mien onto devices in one command, and roll back if a release does not work."""
