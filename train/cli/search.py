"""`mien train search`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edge.cli.options import read_with_progress
from edge.datasets.data_set import DataSet
from train.cli.text_table import format_table
from train.cli.training_options import chosen_recipe, recipe_options
from train.training.recipe_search import best_trial, search
from train.training.search_folder import SearchFolder, Trial

#: Rows of the table at the end.
_SHOWN = 5


@click.command(name="search")
@recipe_options
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the search.")
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file with the values to search.  [default: learning rate, weight decay, label smoothing, batch size]",
)
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Trials in all.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Epochs of each trial (of each stage).")
@click.option("--prune/--no-prune", default=True, help="End trials that are worse than the median.  [default: prune]")
@click.option("--resume", is_flag=True, help="Continue the search in --out.")
def search_recipe(
    data: DataSet, arch: str | None, recipe_file: Path | None, out: Path, resume: bool, trials: int, **options: Any
) -> None:
    """Search values of a recipe: train it again and again, and let Optuna choose the values.

    Needs the extra 'search'. Each trial is a run folder in DIR/trials; DIR/best.toml is the best trial's recipe,
    trials.csv and trials.png show them all. The values are chosen on PublicTest: the best trial's accuracy there is
    too high by what chance adds, the more so the more trials there are.
    """
    recipe = None if resume and arch is None and recipe_file is None else chosen_recipe(arch, recipe_file)
    found: list[Trial] | None = None
    try:
        found = search(
            recipe,
            data,
            out,
            trials=trials,
            resume=resume,
            verbose=1 if sys.stdout.isatty() else 0,
            read=read_with_progress,
            on_trial=lambda trial: click.echo(format_trial(trial)),
            **options,
        )
    except KeyboardInterrupt:
        click.echo(f"\nstopped: the same command with --resume continues the search in {out}", err=True)
    if found is None:
        # As at the end of an interrupted `fit`.
        gc.collect()
        sys.exit(130)
    click.echo(format_search(found))
    folder = SearchFolder(out)
    if best_trial(found) is not None:
        click.echo(f"{folder.trials_png}: all trials; the best one again: mien train fit --recipe {folder.best_toml}")


def format_trial(trial: Trial) -> str:
    """One trial as a line."""
    accuracy = "no epoch" if trial.accuracy is None else f"{trial.accuracy:.2%}"
    values = ", ".join(f"{name.partition('.')[2]} {_value(value)}" for name, value in trial.values.items())
    error = f": {trial.error}" if trial.error else ""
    epochs = f"{trial.epochs} epoch{'' if trial.epochs == 1 else 's'}"
    return f"trial {trial.folder}: {accuracy}, {trial.state} after {epochs} ({values}){error}"


def format_search(trials: Sequence[Trial]) -> str:
    """The best trials as a table, and how many there were."""
    scored = sorted((one for one in trials if one.state == "complete"), key=lambda one: -(one.accuracy or 0.0))
    names = sorted({name for trial in trials for name in trial.values})
    rows = [
        [one.folder, f"{one.accuracy:.2%}", *(_value(one.values.get(name, "")) for name in names)]
        for one in scored[:_SHOWN]
    ]
    counts = ", ".join(
        f"{sum(trial.state == state for trial in trials)} {state}" for state in ("complete", "pruned", "failed")
    )
    table = format_table(["trial", "PublicTest", *names], rows, left=("trial",))
    return f"{len(trials)} trial{'s' if len(trials) != 1 else ''}: {counts}\n{table}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
