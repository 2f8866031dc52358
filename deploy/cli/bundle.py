"""`mien deploy bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.build.bundle_builder import UNIT, BundleSpec, build_bundle
from deploy.build.targets import ARCHITECTURES, TARGETS
from edge.system.atomic_files import check_writable
from edge.system.hashing import sha256_of


@click.command()
@click.option(
    "--target", required=True, type=click.Choice(sorted(TARGETS)), help="Raspberry Pi OS release of the device."
)
@click.option(
    "--arch",
    type=click.Choice(ARCHITECTURES),
    default="aarch64",
    show_default=True,
    help="Processor architecture of the device; x86_64 lets you try a bundle on a workstation.",
)
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The private key that `mien deploy keygen` wrote.",
)
@click.option(
    "--model",
    multiple=True,
    metavar="NAME",
    help="A shipped model or a .tflite file; can be repeated, the first is the default.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Initial configuration of a new device, as for mien run --config; default: the Raspberry Pi's own camera.",
)
@click.option(
    "--version",
    metavar="VERSION",
    help="Version of the release; default: mien's own version and the time of the source.",
)
@click.option(
    "--unit",
    type=click.Path(path_type=Path),
    default=UNIT,
    metavar="FILE",
    help="A systemd unit to use in place of mien's own.",
)
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A public key that the device trusts from then on, beside those that it trusts already; can be repeated.",
)
@click.option(
    "--revoke",
    multiple=True,
    metavar="ID",
    help="Identifier of a key that the device never trusts again, as `mien deploy keygen` printed it; can be repeated.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The bundle to write.")
def bundle(
    target: str,
    arch: str,
    key: Path,
    model: tuple[str, ...],
    config: Path | None,
    version: str | None,
    unit: Path,
    trust: tuple[Path, ...],
    revoke: tuple[str, ...],
    out: Path,
) -> None:
    """Build a signed file with everything that a device needs; it installs without a network.

    The same source, lock, models and configuration give the same bytes. Needs the extra 'deploy'.
    """
    check_writable(out)
    spec = BundleSpec(TARGETS[target], arch, key, model, config, version, unit, trust, revoke)
    manifest = build_bundle(spec, out, lambda line: click.echo(line, err=True))
    size_mb = out.stat().st_size / 1e6
    click.echo(f"{out}: release {manifest.version}, {len(manifest.parts)} files, {size_mb:.1f} MB")
    click.echo(f"SHA-256 {sha256_of(out)}")
