"""`mien deploy`: keygen, bundle, installer, install, rollback, status, push."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "keygen": ("deploy.cli.keygen:keygen", "A pair of Ed25519 keys: one signs bundles, one checks them."),
        "bundle": ("deploy.cli.bundle:bundle", "One signed file with all that a device needs."),
        "installer": ("deploy.cli.installer:installer", "The installer as one file, for a device without mien."),
        "install": ("deploy.cli.install:install", "Install a bundle here, if it is trusted and works."),
        "rollback": ("deploy.cli.rollback:rollback", "Go back to the release that was current before."),
        "status": ("deploy.cli.status:status", "What is installed here, and what was tried."),
        "push": ("deploy.cli.push:push", "Install a bundle on other machines, over ssh."),
    },
)
def deploy() -> None:
    """Onto a device in one command, and back again if it is not well."""
