"""`mien deploy keygen`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.signing_keys import generate_keys
from deploy.device.trusted_keys import key_id


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="NAME",
    help="File for the private key; the public key is written to NAME.pub.",
)
def keygen(out: Path) -> None:
    """Generate a pair of Ed25519 keys: the private one signs bundles, the public one verifies them.

    Anyone who has the private key can install software on every device that trusts the public one. Needs the extra
    'deploy'.
    """
    public = generate_keys(out)
    click.echo(f"{out}: the private key, which signs bundles; keep it secret, and keep a backup")
    click.echo(f"{public}: the public key, which verifies bundles; copy it to every device")
    click.echo(f"its identifier is {key_id(public.read_bytes())}")
