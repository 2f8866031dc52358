"""`mien train`: fit, evaluate, list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edge.commands.options import data, read_with_progress, split
from edge.digest import sha256_of
from edge.errors import WrongUseError
from edge.files import write_json
from edge.metrics import Metrics
from train.backend import PRECISIONS, import_keras
from train.recipe import Recipe, load_recipe, recipe_names
from train.run import RunFolder


@click.group()
def train() -> None:
    """Train and score models. Needs the extra 'train'."""


@train.command("list")
def list_recipes() -> None:
    """List the recipes: what `fit --arch` takes."""
    for name in recipe_names():
        recipe = load_recipe(name)
        click.echo(f"{name:<12} {recipe.fit.epochs:>3} epochs  {recipe.description}")


@train.command()
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


@train.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--votes", type=click.Path(path_type=Path), help="FER+ votes (fer2013new.csv) for the same rows.")
@click.option("--limit", type=click.IntRange(1), help="At most so many faces.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for metrics.json.")
def evaluate(model: Path, data: Path, split: str, votes: Path | None, limit: int | None, out: Path | None) -> None:
    """Score a .keras MODEL on a split: accuracy, macro-F1, recall and precision a class, confusion."""
    import_keras()

    from train.evaluate import evaluate as evaluate_model
    from train.evaluate import evaluate_on_votes, load_keras_model

    loaded = load_keras_model(model)
    faces = read_with_progress(data, (split,), votes)[split].sample(limit, 0)
    metrics = evaluate_model(loaded, faces)
    report = {"model": str(model), "data": data.name, "split": split, "scores": metrics.as_dict()}
    click.echo(format_metrics(metrics, f"{model} on {split}"))
    if votes is not None:
        majority = evaluate_on_votes(loaded, faces)
        report["ferplus_majority"] = majority
        click.echo(f"against FER+'s majority: {majority['accuracy']:.2%} of {majority['n']} faces with one")
    if out is not None:
        write_json(out / "metrics.json", report)


def format_metrics(metrics: Metrics, title: str) -> str:
    """A table a person reads: the whole, then a row a class with its confusions."""
    labels = list(metrics.recall)
    lines = [
        f"{title}: accuracy {metrics.accuracy:.2%}, macro-F1 {metrics.macro_f1:.4f}, {metrics.n} faces",
        f"{'':<10}{'recall':>8}{'precision':>11}{'faces':>7}   answered as " + " ".join(f"{x:>8}" for x in labels),
    ]
    for row, label in enumerate(labels):
        answers = " ".join(f"{count:>8}" for count in metrics.confusion[row])
        lines.append(
            f"{label:<10}{metrics.recall[label]:>8.1%}{metrics.precision[label]:>11.1%}"
            f"{metrics.support[label]:>7}{'':<15}{answers}"
        )
    return "\n".join(lines)
