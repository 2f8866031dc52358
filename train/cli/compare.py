"""`mien train compare`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from edge.errors import WrongUseError
from train.evaluation.comparison import Run


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for compare.png, .csv and .json.")
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Set run folders side by side: a table, and with --out a chart of validation accuracy over the epochs."""
    from train.evaluation.comparison import differences, read_run, write_comparison

    twice = [str(path) for i, path in enumerate(runs) if path.resolve() in {other.resolve() for other in runs[:i]}]
    if twice:
        raise WrongUseError(f"{', '.join(twice)} is named twice: expected each run once")
    found = [read_run(path) for path in runs]
    table, histories = [run for run, _ in found], [history for _, history in found]
    click.echo(format_runs(table))
    for line in differences(table):
        click.echo(line)
    if out is None:
        click.echo("--out DIR draws the chart")
        return
    for name, what in write_comparison(table, histories, out):
        click.echo(f"{out / name}: {what}")


def format_runs(runs: Sequence[Run]) -> str:
    """A table a person reads, a row a run."""
    heads = ["run", "architecture", "parameters", "best epoch", "training", "validation", "macro-F1", "time"]
    rows = [
        [
            run.run,
            run.architecture,
            f"{run.parameters:,}",
            "of runs" if run.epochs is None else f"{run.best_epoch} of {run.epochs}",
            "" if run.train_accuracy is None else f"{run.train_accuracy:.2%}",
            f"{run.val_accuracy:.2%}",
            f"{run.macro_f1:.4f}",
            str(timedelta(seconds=round(run.seconds))),
        ]
        for run in runs
    ]
    for head, values in (
        ("images/s", ["" if run.images_per_second is None else f"{run.images_per_second:,.0f}" for run in runs]),
        ("device", [run.device or "" for run in runs]),
    ):
        if any(values):
            heads.append(head)
            for row, value in zip(rows, values, strict=True):
                row.append(value)
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    left = {"run", "architecture", "device"}
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if head in left else f"{cell:>{width}}"
            for head, cell, width in zip(heads, row, widths, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    )
