"""`mien convert export`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.errors import WrongUseError


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="The format.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Replace what exists.")
def export(model: Path, target: str, out: Path, force: bool) -> None:
    """Write a .tflite MODEL, int8 ones too, as ONNX. Needs the extras 'train' and 'onnx'.

    What is written has answered as LiteRT does, on random inputs.
    """
    if out.suffix != f".{target}":
        raise WrongUseError(f"--out {out} does not end in .{target}")
    if out.exists() and not force:
        raise WrongUseError(f"{out} exists: give another --out, or --force to replace it")

    from convert.onnx_export import CHECKS, export_onnx

    worst = export_onnx(model, out)
    click.echo(
        f"{out}: {out.stat().st_size / 1024:.0f} KiB; over {CHECKS} random inputs at most {100 * worst:.2f} % of the "
        "output's range away from LiteRT"
    )
