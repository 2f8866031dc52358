"""`mien deploy`: keygen, bundle, installer, install, rollback, status, push."""

from __future__ import annotations

import click

from edge.cli import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "keygen": ("deploy.commands.keygen:keygen", "A pair of Ed25519 keys: one signs bundles, one checks them."),
        "bundle": ("deploy.commands.bundle:bundle", "One signed file with all that a device needs."),
        "installer": ("deploy.commands.installer:installer", "The installer as one file, for a device without mien."),
        "install": ("deploy.commands.install:install", "Install a bundle here, if it is trusted and works."),
        "rollback": ("deploy.commands.rollback:rollback", "Go back to the release that was current before."),
        "status": ("deploy.commands.status:status", "What is installed here, and what was tried."),
        "push": ("deploy.commands.push:push", "Install a bundle on other machines, over ssh."),
    },
)
def deploy() -> None:
    """Onto a device in one command, and back again if it is not well."""
