"""`mien train average`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edge.cli.options import data as data_option
from edge.cli.options import read_with_progress
from edge.cli.parameter_types import Parsed
from edge.datasets import DataSet
from edge.errors import WrongUseError
from edge.system.atomic_files import replacing, write_json
from train.backend import import_keras
from train.cli.members import Member, members_table, out_option, read_members, runs_argument, trained_on
from train.recipes.schema import Recipe, load_recipe
from train.run_folder import RunFolder


def parse_shares(text: str) -> tuple[float, ...]:
    """Parse `0.25,0.75`.

    Raises:
        WrongUseError: it is no list of numbers greater than 0.
    """
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < float("inf") for share in shares):
        raise WrongUseError(f"{text!r}: expected numbers greater than 0, one for each run, separated by commas")
    return shares


@click.command()
@runs_argument
@data_option
@out_option
@click.option(
    "--shares",
    type=Parsed("shares", parse_shares),
    metavar="A,B,...",
    help="Share of each run in the mean.  [default: equal]",
)
def average(runs: tuple[Path, ...], data: DataSet, out: Path, shares: tuple[float, ...] | None) -> None:
    """Average the weights of runs that were trained from one another.

    Of a run, and another one that began with its weights (`--weights`) on other
    augmentation, labels or data, the mean is often better than both. Batch
    normalization gets statistics of its own. Nothing is trained.
    """
    if len(runs) < 2:
        raise WrongUseError(f"got one run, {runs[0]}: expected two or more to average")
    shares = shares or (1.0,) * len(runs)
    if len(shares) != len(runs):
        raise WrongUseError(f"--shares has {len(shares)} numbers for {len(runs)} runs: expected one for each")
    members = read_members(runs)
    recipes = [load_recipe(RunFolder(run).recipe_toml) for run in runs]
    _check_recipes(runs, recipes)
    data.check_exists()
    folder = RunFolder(out)
    folder.check_free()
    keras = import_keras()

    from train.evaluation.prediction import keras_metrics
    from train.models.averaging import average as mean_of
    from train.models.keras_files import load_keras_model
    from train.training.weight_averaging import recompute_batch_norm

    recipe, fit = recipes[0], recipes[0].fit
    networks = [load_keras_model(RunFolder(run).model_keras) for run in runs]
    model = mean_of(networks, shares, list(map(str, runs)))
    faces = read_with_progress(data, ("Training", "PublicTest"))
    recompute_batch_norm(model, faces["Training"], fit.batch_size, fit.seed)
    source = trained_on(members, data.as_dict())
    scores = keras_metrics(model, faces["PublicTest"], fit.batch_size).as_dict()
    folder.start(recipe, source, [])
    with replacing(folder.model_keras) as temporary:
        model.save(temporary)
    report = {
        "recipe": recipe.name,
        "architecture": recipe.architecture,
        "labels": list(faces["PublicTest"].labels),
        "parameters": model.count_params(),
        "seed": fit.seed,
        "seconds": sum(member["seconds"] for member in members),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "data": source,
        "split": "PublicTest",
        "members": _with_shares(members_table(runs, members), shares),
        "scores": scores,
    }
    # Last: with it, the folder is a finished run.
    write_json(folder.metrics_json, report)
    of_members = ", ".join(f"{member['scores']['accuracy']:.2%}" for member in members)
    click.echo(
        f"{folder.model_keras}: {scores['accuracy']:.2%} on PublicTest ({scores['n']} faces), the runs {of_members}"
    )


def _with_shares(table: list[Member], shares: Sequence[float]) -> list[Member]:
    return [{**entry, "share": share / sum(shares)} for entry, share in zip(table, shares, strict=True)]


def _check_recipes(runs: Sequence[Path], recipes: Sequence[Recipe]) -> None:
    """Check that all runs have one architecture."""
    first = recipes[0]
    for run, recipe in zip(runs, recipes, strict=True):
        if (recipe.architecture, recipe.model) != (first.architecture, first.model):
            raise WrongUseError(
                f"{run} is {recipe.architecture} with other settings than {runs[0]}, {first.architecture}: expected "
                "runs of one network"
            )
