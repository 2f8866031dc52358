"""`mien deploy installer`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.installer_script import installer_script
from edge.system.atomic_files import replacing


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The script: on the device  python3 FILE BUNDLE --pubkey KEY",
)
def installer(out: Path) -> None:
    """The installer as one file, for a device without mien: Python 3.11 and OpenSSL are enough."""
    with replacing(out) as temporary:
        temporary.write_text(installer_script(), "utf-8")
    click.echo(f"{out}: on the device  sudo python3 {out.name} BUNDLE --pubkey KEY")
