"""`mien deploy install`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import options
from deploy.device.installation import InstallOptions
from deploy.device.installation import install as install_bundle
from deploy.device.progress import say, say_nothing
from deploy.device.release_store import Prefix


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@options.prefix
@options.pubkey
@options.allow_older
@options.frames
@options.limit
@options.verbose
def install(
    bundle: Path, prefix: Path, pubkey: Path | None, allow_older: bool, frames: int, limit: float, verbose: bool
) -> None:
    """Install a bundle here, if it is trusted and works; otherwise nothing changes.

    Its signature and every hash are checked first. Then it is unpacked beside the release that runs, tried on the demo
    source, and made the current release by one rename. Needs no network.
    """
    chosen = InstallOptions(pubkey, allow_older, frames, limit)
    click.echo(install_bundle(bundle, Prefix(prefix), chosen, say if verbose else say_nothing))
