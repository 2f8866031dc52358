"""`mien train compare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from edge.errors import WrongUseError
from train.cli.text_table import format_table
from train.evaluation.comparison import RunSummary


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for compare.png, .csv and .json.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object, as compare.json has it.")
def compare(runs: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Compare run folders: a table, and with --out a chart of validation accuracy over the epochs."""
    from train.evaluation.comparison import as_dict, differences, read_run, write_comparison

    repeated = [str(path) for i, path in enumerate(runs) if path.resolve() in {other.resolve() for other in runs[:i]}]
    if repeated:
        raise WrongUseError(f"{', '.join(repeated)} is named twice: expected each run once")
    found = [read_run(path) for path in runs]
    table, histories = [run for run, _ in found], [history for _, history in found]
    if as_json:
        click.echo(json.dumps(as_dict(table)))
    else:
        click.echo(format_runs(table))
        for line in differences(table):
            click.echo(line)
    if out is not None:
        for name, content in write_comparison(table, histories, out):
            click.echo(f"{out / name}: {content}", err=as_json)
    elif not as_json:
        click.echo("give --out DIR for the chart")


def format_runs(runs: Sequence[RunSummary]) -> str:
    """The runs as a text table, one row for each; speed and device only where a run recorded them."""
    columns = {
        "run": [run.run for run in runs],
        "architecture": [run.architecture for run in runs],
        "parameters": [f"{run.parameters:,}" for run in runs],
        "best epoch": ["-" if run.epochs is None else f"{run.best_epoch} of {run.epochs}" for run in runs],
        "training": ["" if run.train_accuracy is None else f"{run.train_accuracy:.2%}" for run in runs],
        "validation": [f"{run.val_accuracy:.2%}" for run in runs],
        "macro-F1": [f"{run.macro_f1:.4f}" for run in runs],
        "time": [str(timedelta(seconds=round(run.seconds))) for run in runs],
        "images/s": ["" if run.images_per_second is None else f"{run.images_per_second:,.0f}" for run in runs],
        "device": [run.device or "" for run in runs],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells) or name not in ("images/s", "device")}
    return format_table([*shown], zip(*shown.values(), strict=True), left=("run", "architecture", "device"))
