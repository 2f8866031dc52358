"""The options that `fit` and `distill` share, and how they run and report a training."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from edge.cli.completion import complete_names
from edge.cli.options import data, read_with_progress
from edge.datasets.data_set import DataSet
from edge.datasets.ferplus import LABEL_MODES
from edge.errors import WrongUseError
from train.recipes.catalog import recipe_names
from train.recipes.schema import PRECISIONS
from train.training.fitting import FitResult, fit
from train.training.run_setup import LABEL_SETS

#: What a run is made of: the data, the recipe, and the values that replace the recipe's.
_RECIPE_OPTIONS = (
    data,
    click.option(
        "--arch",
        metavar="NAME",
        shell_complete=complete_names(recipe_names),
        help="A shipped recipe: see `mien train list`.",
    ),
    click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), metavar="FILE", help="A recipe in TOML."),
    click.option("--weights", metavar="W", help="Initial weights: imagenet, none or a file."),
    click.option("--input-size", type=click.IntRange(1), metavar="N", help="Enlarge faces to NxN pixels."),
    click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Faces in a batch."),
    click.option("--class-weights/--no-class-weights", default=None, help="Weight the loss by class."),
    click.option("--augment/--no-augment", default=None, help="Rotate, zoom, shift and flip faces."),
    click.option("--labels", type=click.Choice(LABEL_SETS), metavar="L", help="fer (default) or ferplus."),
    click.option("--label-mode", type=click.Choice(LABEL_MODES), metavar="M", help="FER+: majority or probability."),
    click.option("--soft-labels", type=float, metavar="S", help="Share of FER+'s votes in each target."),
    click.option(
        "--votes", type=click.Path(path_type=Path), metavar="FILE", help="FER+ votes: the file fer2013new.csv."
    ),
    click.option("--teacher-share", type=float, metavar="S", help="Share of the teachers in each target."),
    click.option(
        "--precision", type=click.Choice(PRECISIONS), metavar="P", help=f"Precision: {', '.join(PRECISIONS)}."
    ),
    click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed of the run."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N faces of each split."),
)
#: How long and how fast, and where a run is written.
_RUN_OPTIONS = (
    click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Run folder to create."),
    click.option("--epochs", type=click.IntRange(1), metavar="N", help="Epochs (of each stage)."),
    click.option("--learning-rate", type=float, metavar="R", help="Peak learning rate."),
    click.option("--tensorboard", is_flag=True, help="Write TensorBoard's log (extra tensorboard)."),
    click.option("--resume", is_flag=True, help="Continue the run in --out."),
    click.option("--distributed", is_flag=True, help="This is one of several processes (JAX)."),
)
#: Without which a recipe with a `teacher_share` cannot be tried.
_teachers = click.option(
    "--teacher",
    "teachers",
    type=click.Path(path_type=Path),
    metavar="RUN",
    multiple=True,
    help="Of a recipe with teachers: a run folder, .keras or .tflite; may be repeated.",
)


def recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that tries a recipe: data, recipe, teachers, and values to replace."""
    return _added(command, (*_RECIPE_OPTIONS, _teachers))


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that trains, which `run_training` takes."""
    return _added(command, (*_RECIPE_OPTIONS, *_RUN_OPTIONS))


def chosen_recipe(arch: str | None, recipe_file: Path | None) -> str | Path:
    """The recipe that a command line names.

    Args:
        arch: name of a shipped recipe, or None for `recipe_file`.
        recipe_file: a recipe's file, or None for `arch`.

    Raises:
        WrongUseError: both or neither are given.
    """
    if arch is not None and recipe_file is None:
        return arch
    if recipe_file is not None and arch is None:
        return recipe_file
    raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")


def run_training(
    *,
    data: DataSet,
    out: Path,
    arch: str | None,
    recipe_file: Path | None,
    resume: bool,
    teachers: Sequence[Path] = (),
    **options: Any,
) -> None:
    """Train with the given options, and print the result.

    Args:
        data: the data set.
        out: the run folder to make, or to continue.
        arch: name of a shipped recipe, or None for `recipe_file`.
        recipe_file: a recipe's file, or None for `arch`.
        resume: whether to continue a run.
        teachers: run folders or models for distillation.
        options: further arguments of `train.training.fit`.

    Raises:
        MienError: the options do not fit together, something cannot be read, or the training fails.
    """
    # A resumed run has its recipe, and compares it with one that is given.
    recipe = None if resume and arch is None and recipe_file is None else chosen_recipe(arch, recipe_file)
    result = None
    try:
        result = fit(
            recipe,
            data,
            out,
            teachers=teachers,
            resume=resume,
            verbose=1 if sys.stdout.isatty() else 2,
            log=click.echo,
            read=read_with_progress,
            **options,
        )
    except KeyboardInterrupt:
        click.echo(f"\nstopped: the same command with --resume continues from the last epoch of {out}", err=True)
    if result is None:
        # The epoch's iterator was part of the exception. Left to the end of the process, it would wait there for a
        # thread of TensorFlow's that waits for Python.
        gc.collect()
        sys.exit(130)
    if result.is_first_process:
        _print(result, data)


def _print(result: FitResult, data: DataSet) -> None:
    metrics = result.metrics
    click.echo(
        f"{result.model}: {result.accuracy:.2%} on PublicTest ({metrics['scores']['n']} faces), "
        f"epoch {metrics['best_epoch']} of {metrics['epochs']}, {metrics['parameters']:,} parameters"
    )
    rate = metrics["images_per_second"]
    speed = f"{rate:.0f} images per second on {metrics['device']}; " if rate else ""
    click.echo(f"{speed}curves in {result.folder / 'curves.png'}")
    click.echo(f"all charts: mien train evaluate {result.model} {data.as_arguments()} --out {result.folder / 'report'}")


def _added(command: Callable[..., None], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command
