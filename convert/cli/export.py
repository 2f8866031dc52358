"""`mien convert export`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.errors import WrongUseError


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to", "target", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="Format to convert to."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def export(model: Path, target: str, out: Path, force: bool) -> None:
    """Convert a .tflite MODEL of any scheme to ONNX. Needs the extras 'train' and 'onnx'.

    The ONNX file is written only if its outputs agree with LiteRT's on random inputs.
    """
    if out.suffix != f".{target}":
        raise WrongUseError(f"--out {out} does not end in .{target}")
    if out.exists() and not force:
        raise WrongUseError(f"{out} exists: give another --out, or --force to replace it")

    from convert.onnx_export import CHECKS, export_onnx

    worst = export_onnx(model, out)
    click.echo(
        f"{out}: {out.stat().st_size / 1024:.0f} KiB; over {CHECKS} random inputs it differs from LiteRT by at most "
        f"{100 * worst:.2f} % of the output's range"
    )
