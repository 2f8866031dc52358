"""`mien deploy bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.bundle_builder import UNIT, BundleSpec, make_bundle
from deploy.build.targets import ARCHITECTURES, TARGETS
from edge.system.atomic_files import check_writable
from edge.system.hashing import sha256_of


@click.command()
@click.option("--target", required=True, type=click.Choice(sorted(TARGETS)), help="Raspberry Pi OS of the device.")
@click.option(
    "--arch",
    type=click.Choice(ARCHITECTURES),
    default="aarch64",
    show_default=True,
    help="Processor of the device; x86_64 to try a bundle on a workstation.",
)
@click.option(
    "--key", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The private key, see keygen."
)
@click.option(
    "--model",
    multiple=True,
    metavar="NAME",
    help="A shipped model or a .tflite file; may be given again, the first is the default.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What a new device begins with, as for mien run --config; else the Pi's camera.",
)
@click.option("--version", metavar="VERSION", help="Of the release; else mien's own and the source's time.")
@click.option(
    "--unit", type=click.Path(path_type=Path), default=UNIT, metavar="FILE", help="Another systemd unit than mien's."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The bundle.")
def bundle(
    target: str,
    arch: str,
    key: Path,
    model: tuple[str, ...],
    config: Path | None,
    version: str | None,
    unit: Path,
    out: Path,
) -> None:
    """One signed file with all that a device needs: it installs without a network. Needs the extra 'deploy'.

    The same source, lock, models and configuration give the same bytes.
    """
    check_writable(out)
    spec = BundleSpec(TARGETS[target], arch, key, model, config, version, unit)
    manifest = make_bundle(spec, out, lambda line: click.echo(line, err=True))
    size_mb = out.stat().st_size / 1e6
    click.echo(f"{out}: release {manifest.version}, {len(manifest.parts)} parts, {size_mb:.1f} MB")
    click.echo(f"SHA-256 {sha256_of(out)}")
