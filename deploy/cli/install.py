"""`mien deploy install`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.installer_script import render_installer
from deploy.cli import options
from deploy.device.installation import InstallOptions
from deploy.device.installation import install as install_bundle
from deploy.device.progress import ignore_step, print_step
from deploy.device.release_store import ReleaseStore


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@options.prefix
@options.pubkey
@options.allow_older
@options.frames
@options.limit
@options.probation
@options.verbose
def install(
    bundle: Path,
    prefix: Path,
    pubkey: Path | None,
    allow_older: bool,
    frames: int,
    limit: float,
    probation: float,
    verbose: bool,
) -> None:
    """Install a bundle here, if it is trusted and works; otherwise nothing changes.

    First its signature and all hashes are verified. Then it is unpacked beside the current release, tested on the demo
    source, and made the current release by one rename. A service that runs is restarted, and is then on probation: if
    it ends, the release before becomes current again. No network is needed.
    """
    options.require_device("mien deploy install")
    watcher = render_installer().encode()
    chosen = InstallOptions(pubkey, allow_older, frames, limit, probation, watcher)
    click.echo(install_bundle(bundle, ReleaseStore(prefix), chosen, print_step if verbose else ignore_step))
