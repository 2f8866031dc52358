"""`mien deploy keygen`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.signing_keys import make_keys


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="NAME",
    help="The private key's file; the public one is NAME.pub.",
)
def keygen(out: Path) -> None:
    """A pair of Ed25519 keys: one signs bundles, one checks them. Needs the extra 'deploy'.

    Whoever has the private key can put software on every device that trusts the public one.
    """
    public = make_keys(out)
    click.echo(f"{out}: signs; keep it secret, and keep a copy")
    click.echo(f"{public}: checks; belongs on every device")
