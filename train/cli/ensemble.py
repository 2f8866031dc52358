"""`mien train ensemble`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edge.cli.completion import complete_names
from edge.cli.options import data as data_option
from edge.cli.options import read_with_progress
from edge.datasets import DataSet
from edge.errors import WrongUseError
from edge.system.atomic_files import replacing, write_json
from train.backend import import_keras
from train.cli.members import Member, members_table, out_option, read_members, runs_argument, trained_on
from train.recipes.catalog import ENSEMBLE, recipe_names
from train.recipes.schema import Recipe, load_recipe
from train.run_folder import RunFolder


@click.command()
@runs_argument
@data_option
@out_option
@click.option(
    "--arch",
    metavar="NAME",
    shell_complete=complete_names(recipe_names),
    help="A shipped recipe of an ensemble: see `mien train list`.",
)
@click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), metavar="FILE", help="A recipe in TOML.")
def ensemble(runs: tuple[Path, ...], data: DataSet, out: Path, arch: str | None, recipe_file: Path | None) -> None:
    """Merge several finished runs into one network.

    It outputs the softmax of the mean of their logits. The recipe names the members' recipes in order; nothing is
    trained.
    """
    named = arch if recipe_file is None else recipe_file
    if named is None or (arch is not None and recipe_file is not None):
        raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
    recipe = load_recipe(named)
    members = read_members(runs)
    _check_members(recipe, members)
    data.check_exists()
    folder = RunFolder(out)
    folder.check_free()
    keras = import_keras()

    from train.evaluation.prediction import keras_metrics
    from train.models.ensembling import merge
    from train.models.keras_files import load_keras_model
    from train.training.logit_adjustment import adjust_if_configured

    paths = [RunFolder(run).model_keras for run in runs]
    model = merge([load_keras_model(path) for path in paths], list(map(str, paths)))
    faces = read_with_progress(data, ("Training", "PublicTest"))
    adjusted = adjust_if_configured(recipe.fit, model, faces["Training"], faces["PublicTest"])
    source = trained_on(members, data.as_dict())
    folder.start(recipe, source, [])
    with replacing(folder.model_keras) as temporary:
        model.save(temporary)
    scores = keras_metrics(model, faces["PublicTest"], recipe.fit.batch_size).as_dict()
    report = {
        "recipe": recipe.name,
        "architecture": recipe.architecture,
        "labels": list(faces["PublicTest"].labels),
        "parameters": model.count_params(),
        "seed": recipe.fit.seed,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "data": source,
        "split": "PublicTest",
        "members": members_table(runs, members),
        **adjusted,
        "scores": scores,
    }
    write_json(folder.metrics_json, report)
    best = max(member["scores"]["accuracy"] for member in members)
    click.echo(
        f"{folder.model_keras}: {scores['accuracy']:.2%} on PublicTest ({scores['n']} faces), the best member "
        f"{best:.2%}; {report['parameters']:,} parameters"
    )


def _check_members(recipe: Recipe, members: Sequence[Member]) -> None:
    """Check that the runs are those that the recipe names."""
    if recipe.architecture != ENSEMBLE:
        raise WrongUseError(f"{recipe.name} is not an ensemble: train it with mien train fit --arch {recipe.name}")
    expected, given = recipe.model["members"], [member["recipe"] for member in members]
    if given != expected:
        raise WrongUseError(f"{recipe.name} is made of {', '.join(expected)}, in this order; got {', '.join(given)}")
