"""`mien deploy installer`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.installer_script import render_installer
from edge.system.atomic_files import replacing


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The script to write. On the device:  python3 FILE BUNDLE --pubkey KEY",
)
def installer(out: Path) -> None:
    """Write the installer as a single file, for a device without mien.

    It needs Python 3.11 and OpenSSL, which Raspberry Pi OS has.
    """
    with replacing(out) as temporary:
        temporary.write_text(render_installer(), "utf-8")
    click.echo(f"{out}: on the device, run  sudo python3 {out.name} BUNDLE --pubkey KEY")
