"""What the commands that train share: their options, and the way from these to a finished run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from edge.cli.options import data, read_with_progress
from edge.datasets.faces import Faces
from edge.datasets.ferplus import LABEL_MODES, relabel_by_votes
from edge.datasets.reader import check_there
from edge.errors import ModelError, WrongUseError
from edge.system.hashing import sha256_of
from train.data.soft_labels import soften
from train.recipes.schema import Recipe, load_recipe
from train.training.backend import PRECISIONS, import_keras
from train.training.run_folder import RunFolder

LABELS = ("fer", "ferplus")


_OPTIONS = (
    data,
    click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Run folder to make."),
    click.option("--arch", metavar="NAME", help="A shipped recipe: see `mien train list`."),
    click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), metavar="FILE", help="Your own, TOML."),
    click.option("--weights", metavar="W", help="To start from: imagenet, none or a file."),
    click.option("--input-size", type=click.IntRange(1), metavar="N", help="Enlarge faces to NxN (ImageNet)."),
    click.option("--epochs", type=click.IntRange(1), metavar="N", help="Passes over Training (a stage)."),
    click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Faces a step."),
    click.option("--learning-rate", type=float, metavar="R", help="At its peak."),
    click.option("--class-weights/--no-class-weights", default=None, help="Rare classes count the more."),
    click.option("--augment/--no-augment", default=None, help="Rotate, zoom, shift and flip faces."),
    click.option("--labels", type=click.Choice(LABELS), metavar="L", default="fer", help="fer (default) or ferplus."),
    click.option("--label-mode", type=click.Choice(LABEL_MODES), metavar="M", help="FER+: majority or probability."),
    click.option("--soft-labels", type=float, metavar="S", help="Share of FER+'s votes in each target."),
    click.option("--votes", type=click.Path(path_type=Path), metavar="FILE", help="FER+'s fer2013new.csv, for both."),
    click.option("--teacher-share", type=float, metavar="S", help="Share of the teachers in each target."),
    click.option("--precision", type=click.Choice(PRECISIONS), metavar="P", help=f"{', '.join(PRECISIONS)}."),
    click.option("--seed", type=click.IntRange(0), metavar="N", help="Of weights, order and augmentation."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N faces a split, for a try."),
    click.option("--tensorboard", is_flag=True, help="TensorBoard's log too (extra tensorboard)."),
    click.option("--resume", is_flag=True, help="Go on with the run in --out."),
)


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that trains, as `train_a_run` takes them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def train_a_run(
    context: click.Context,
    *,
    data: Path,
    out: Path,
    arch: str | None,
    recipe_file: Path | None,
    votes: Path | None,
    teachers: Sequence[Path],
    tensorboard: bool,
    resume: bool,
    **options: Any,
) -> None:
    """Start or go on with the run in `out`, and say how it ended.

    Args:
        context: of the command, which knows what options were given.
        data: the data set.
        out: the run folder to make, or to go on with.
        arch: name of a shipped recipe; `recipe_file`, a recipe's own file, where None.
        recipe_file: see `arch`.
        votes: FER+'s, where labels are made of them.
        teachers: run folders or models that have the recipe's `teacher_share` in each target.
        tensorboard: whether to write TensorBoard's log, too.
        resume: whether to go on.
        options: those that change the recipe or the data.

    Raises:
        MienError: what was asked for does not fit together, or cannot be read, or fails.
    """
    run = RunFolder(out)
    check_there(data)
    if votes is not None:
        check_there(votes)
    if resume:
        default = click.core.ParameterSource.DEFAULT
        given = {key: value for key, value in options.items() if context.get_parameter_source(key) is not default}
        recipe, source = _resumed(run, data, votes, teachers, arch, recipe_file, given)
    else:
        if (arch is None) == (recipe_file is None):
            raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
        recipe, source = _new(data, votes, teachers, arch if arch is not None else recipe_file, options)
        run.check_free()
    import_keras()
    bad_rows: list[str] = []
    faces = read_with_progress(data, ("Training", "PublicTest"), votes, bad_rows.append)
    if source.get("labels") == "ferplus":
        faces = _by_votes(faces, source["label_mode"])
    elif recipe.fit.soft_labels:
        faces["Training"] = soften(faces["Training"], recipe.fit.soft_labels)
    faces = {name: part.sample(source.get("limit"), recipe.fit.seed) for name, part in faces.items()}

    from train.training.distillation import Teachers
    from train.training.fitting import Training

    training = Training(
        recipe,
        faces["Training"],
        faces["PublicTest"],
        run,
        teachers=Teachers(teachers, faces["Training"].labels, recipe.fit.teacher_share) if teachers else None,
        verbose=1 if sys.stdout.isatty() else 2,
        say=click.echo,
        tensorboard=tensorboard,
    )
    # Before anything is left behind: a recipe that does not fit its architecture ends here.
    training.check()
    if not resume:
        run.start(recipe, source, bad_rows)
    try:
        report = training.fit(source)
    except KeyboardInterrupt:
        click.echo(f"\nstopped: the same command with --resume goes on from the last epoch of {out}", err=True)
        sys.exit(130)
    click.echo(
        f"{run.model_keras}: {report['scores']['accuracy']:.2%} on PublicTest ({report['scores']['n']} faces), "
        f"epoch {report['best_epoch']} of {report['epochs']}, {report['parameters']:,} parameters"
    )
    click.echo(f"{_speed(report)}curves in {run.curves_png}")
    click.echo(f"every chart: mien train evaluate {run.model_keras} --data {data} --out {out / 'report'}")


def _speed(report: dict[str, Any]) -> str:
    rate = report["images_per_second"]
    return f"{rate:.0f} images a second on {report['device']}; " if rate else ""


def _by_votes(faces: dict[str, Faces], mode: str) -> dict[str, Faces]:
    """The faces under FER+'s labels; says how many had none."""
    labelled = {name: relabel_by_votes(part, mode) for name, part in faces.items()}
    left_out = ", ".join(f"{len(faces[name]) - len(part)} of {name}" for name, part in labelled.items())
    click.echo(f"FER+ by {mode}: left out for want of a clear vote: {left_out}")
    return labelled


def _new(
    data: Path, votes: Path | None, teachers: Sequence[Path], name: str | Path, options: dict[str, Any]
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe with the command line's changes, and what is to be known about the data."""
    options = dict(options)
    labels, mode, limit = options.pop("labels"), options.pop("label_mode"), options.pop("limit")
    changes = {key: options.pop(key) for key in ("augment", "weights", "input_size")}
    recipe = load_recipe(name).with_changes(options, **changes)
    _check_votes(recipe, labels, votes, mode)
    _check_teachers(recipe, teachers)
    # Even a recipe that could not be run for want of weights is told apart before the data is read.
    recipe.plan()
    source: dict[str, Any] = {"name": data.name, "sha256": sha256_of(data)}
    if limit:
        source["limit"] = limit
    if votes is not None:
        source["votes_sha256"] = sha256_of(votes)
    if labels == "ferplus":
        source |= {"labels": labels, "label_mode": mode or LABEL_MODES[0]}
    if teachers:
        source["teachers"] = [
            {"name": path.name, "sha256": digest} for path, digest in zip(teachers, _digests(teachers), strict=True)
        ]
    return recipe, source


def _digests(teachers: Sequence[Path]) -> list[str]:
    """SHA-256 of each teacher's model.

    Raises:
        ModelError: one is missing.
    """
    from train.training.distillation import model_of

    files = [model_of(path) for path in teachers]
    for file in files:
        if not file.is_file():
            raise ModelError(f"no teacher at {file}: expected a finished run folder, a .keras or a .tflite file")
    return [sha256_of(file) for file in files]


def _check_teachers(recipe: Recipe, teachers: Sequence[Path]) -> None:
    """See to it that teachers are given where they have a share, and only there."""
    share = recipe.fit.teacher_share
    if teachers and not share:
        raise WrongUseError(f"{recipe.name} has no share for teachers: give --teacher-share 0.5, or another")
    if share and not teachers:
        raise WrongUseError(
            f"teachers decide {share:.0%} of each target of {recipe.name}: use mien train distill --teacher RUN, or "
            "--teacher-share 0 to do without"
        )


def _check_votes(recipe: Recipe, labels: str, votes: Path | None, mode: str | None) -> None:
    """See to it that votes are given where they are needed, and only there."""
    soft = recipe.fit.soft_labels > 0
    if labels == "ferplus":
        if soft:
            raise WrongUseError("--labels ferplus makes soft labels by --label-mode probability: give --soft-labels 0")
        if votes is None:
            raise WrongUseError("--labels ferplus needs FER+'s votes: give --votes fer2013new.csv")
        return
    if mode is not None:
        raise WrongUseError("--label-mode belongs to --labels ferplus")
    if soft and votes is None:
        raise WrongUseError(
            f"{recipe.name} takes {recipe.fit.soft_labels:.0%} of each target from FER+'s votes: give --votes "
            f"fer2013new.csv (github.com/microsoft/FERPlus), or --soft-labels 0 to do without"
        )
    if votes is not None and not soft:
        raise WrongUseError(f"--votes belongs to --labels ferplus, or to soft labels: {recipe.name} has none")


def _resumed(
    run: RunFolder,
    data: Path,
    votes: Path | None,
    teachers: Sequence[Path],
    arch: str | None,
    recipe_file: Path | None,
    given: dict[str, Any],
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe and the data of the run, if the command line asks for nothing else than they say."""
    recipe, source = run.read_recipe()
    other = ["--arch"] if arch is not None and arch != recipe.name else []
    for option, known in (("labels", source.get("labels", "fer")), ("label_mode", source.get("label_mode")),
                          ("limit", source.get("limit"))):  # fmt: skip
        if given.pop(option, known) != known:
            other.append(f"--{option.replace('_', '-')}")
    changes = {key: given.pop(key) for key in ("augment", "weights", "input_size") if key in given}
    if recipe_file is not None and load_recipe(recipe_file).with_changes(given, **changes) != recipe:
        other.append("--recipe")
    other += [
        f"--{key.replace('_', '-')}"
        for key, value in {**given, **changes}.items()
        if recipe.with_changes(**({key: value} if key in changes else {"fit": {key: value}})) != recipe
    ]
    if other:
        raise WrongUseError(f"{', '.join(other)} cannot change with --resume: the run's recipe.toml holds")
    if run.metrics_json.exists():
        run.forget_checkpoint()
        raise WrongUseError(f"the run in {run.path} is finished: nothing to resume")
    if sha256_of(data) != source["sha256"]:
        raise WrongUseError(f"{data} is not the data of the run in {run.path} ({source['name']})")
    if (None if votes is None else sha256_of(votes)) != source.get("votes_sha256"):
        raise WrongUseError(f"{votes or 'no --votes'}: expected the votes that the run in {run.path} was started with")
    if _digests(teachers) != [teacher["sha256"] for teacher in source.get("teachers", [])]:
        raise WrongUseError(f"expected the teachers that the run in {run.path} was started with, in the same order")
    return recipe, source
