"""`mien train fit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edge.commands.options import data, read_with_progress
from edge.digest import sha256_of
from edge.errors import WrongUseError
from train.backend import PRECISIONS, import_keras
from train.recipe import Recipe, load_recipe
from train.run import RunFolder


@click.command()
@data
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@click.option("--arch", metavar="NAME", help="A shipped recipe: see `mien train list`.")
@click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), help="A recipe of your own, in TOML.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--batch-size", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--learning-rate", type=float, help="Instead of the recipe's.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's.")
@click.option("--augment/--no-augment", default=None, help="Instead of the recipe's.")
@click.option("--limit", type=click.IntRange(1), help="At most so many faces of each split, for a quick try.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
def fit(
    data: Path,
    out: Path,
    arch: str | None,
    recipe_file: Path | None,
    augment: bool | None,
    limit: int | None,
    resume: bool,
    **changes: Any,
) -> None:
    """Train a model into a run folder: fit on Training, keep the epoch that is best on PublicTest."""
    run = RunFolder(out)
    if resume:
        recipe, source = _resumed(run, data, arch, recipe_file, {**changes, "augment": augment, "limit": limit})
        limit = source.get("limit")
    else:
        if (arch is None) == (recipe_file is None):
            raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
        recipe = load_recipe(arch if arch is not None else recipe_file).with_changes(changes, augment)
        run.check_free()
    import_keras()
    faces = read_with_progress(data, ("Training", "PublicTest"))
    faces = {name: part.sample(limit, recipe.fit.seed) for name, part in faces.items()}
    if not resume:
        from train.models import build_model

        # Before anything is left behind: a recipe whose [model] does not fit its architecture ends here.
        build_model(recipe.architecture, len(faces["Training"].labels), recipe.model)
        source = {"name": data.name, "sha256": sha256_of(data), **({"limit": limit} if limit else {})}
        run.start(recipe, source)

    from train.fit import fit as fit_model

    try:
        report = fit_model(
            recipe,
            faces["Training"],
            faces["PublicTest"],
            run,
            source,
            verbose=1 if sys.stdout.isatty() else 2,
            say=click.echo,
        )
    except KeyboardInterrupt:
        click.echo(f"\nstopped: the same command with --resume goes on from the last epoch of {out}", err=True)
        sys.exit(130)
    click.echo(
        f"{run.model_keras}: {report['scores']['accuracy']:.2%} on PublicTest ({report['scores']['n']} faces), "
        f"epoch {report['best_epoch']} of {report['epochs']}, {report['parameters']:,} parameters"
    )


def _resumed(
    run: RunFolder, data: Path, arch: str | None, recipe_file: Path | None, options: dict[str, Any]
) -> tuple[Recipe, dict[str, Any]]:
    recipe, source = run.read_recipe()
    given = [f"--{key.replace('_', '-')}" for key, value in options.items() if value is not None]
    if recipe_file is not None or (arch is not None and arch != recipe.name):
        given.append("--recipe" if recipe_file else "--arch")
    if given:
        raise WrongUseError(f"{', '.join(given)} cannot change with --resume: the run's recipe.toml holds")
    if run.metrics_json.exists():
        raise WrongUseError(f"the run in {run.path} is finished: nothing to resume")
    if sha256_of(data) != source["sha256"]:
        raise WrongUseError(f"{data} is not the data of the run in {run.path} ({source['name']})")
    return recipe, source
