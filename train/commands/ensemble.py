"""`mien train ensemble`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge.commands.options import data as data_option
from edge.commands.options import read_with_progress
from edge.dataset import check_there
from edge.digest import sha256_of
from edge.errors import ModelError, WrongUseError
from edge.files import replacing, write_json
from train.backend import import_keras
from train.recipe import ENSEMBLE, Recipe, load_recipe
from train.run import RunFolder, recorded


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Run folder to make.")
@click.option("--arch", metavar="NAME", help="A shipped recipe of an ensemble: see `mien train list`.")
@click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), metavar="FILE", help="Your own, TOML.")
def ensemble(runs: tuple[Path, ...], data: Path, out: Path, arch: str | None, recipe_file: Path | None) -> None:
    """Make one network of several finished runs.

    It answers the mean of their logits. The recipe names the members' recipes, in order; nothing is trained.
    """
    if (arch is None) == (recipe_file is None):
        raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
    recipe = load_recipe(arch if arch is not None else recipe_file)
    members = [_member(run) for run in runs]
    _check_members(recipe, runs, members)
    check_there(data)
    folder = RunFolder(out)
    folder.check_free()
    keras = import_keras()

    from train.balance import balance_by
    from train.ensemble import merge
    from train.predict import keras_scores, load_keras_model

    paths = [RunFolder(run).model_keras for run in runs]
    model = merge([load_keras_model(path) for path in paths], list(map(str, paths)))
    faces = read_with_progress(data, ("Training", "PublicTest"))
    balanced = balance_by(recipe.fit, model, faces["Training"], faces["PublicTest"])
    source = {"name": data.name, "sha256": sha256_of(data)}
    folder.start(recipe, source, [])
    with replacing(folder.model_keras) as temporary:
        model.save(temporary)
    scores = keras_scores(model, faces["PublicTest"], recipe.fit.batch_size).as_dict()
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
        "members": [
            {**{key: member[key] for key in ("recipe", "seed", "seconds", "data")},
             "accuracy": member["scores"]["accuracy"], "sha256": sha256_of(path)}
            for member, path in zip(members, paths, strict=True)
        ],
        **balanced,
        "scores": scores,
    }  # fmt: skip
    write_json(folder.metrics_json, report)
    best = max(member["scores"]["accuracy"] for member in members)
    click.echo(
        f"{folder.model_keras}: {scores['accuracy']:.2%} on PublicTest ({scores['n']} faces), the best member "
        f"{best:.2%}; {report['parameters']:,} parameters"
    )


def _member(run: Path) -> dict[str, Any]:
    """What a finished run says of itself.

    Raises:
        ModelError: there is no such run, or it is not finished.
    """
    table = recorded(RunFolder(run).model_keras) if run.is_dir() else {}
    if not {"recipe", "seed", "seconds", "data", "labels", "scores"} <= set(table):
        raise ModelError(f"{run} is no finished run: expected a folder that `mien train fit` made")
    return table


def _check_members(recipe: Recipe, runs: tuple[Path, ...], members: list[dict[str, Any]]) -> None:
    """See to it that the runs are those that the recipe names."""
    if recipe.architecture != ENSEMBLE:
        raise WrongUseError(f"{recipe.name} is no ensemble: train it with mien train fit --arch {recipe.name}")
    wanted, given = recipe.model["members"], [member["recipe"] for member in members]
    if given != wanted:
        raise WrongUseError(f"{recipe.name} is made of {', '.join(wanted)}, in this order; got {', '.join(given)}")
    for run, member in zip(runs, members, strict=True):
        if member["labels"] != members[0]["labels"] or member["data"]["sha256"] != members[0]["data"]["sha256"]:
            raise WrongUseError(f"{run} has other classes, or was trained on other data, than {runs[0]}")
