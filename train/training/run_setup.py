"""What must fit together before a run starts or is resumed: the recipe, the data, the votes and the teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.datasets.data_set import DataLocation, DataSet, check_exists
from edge.datasets.ferplus import LABEL_MODES
from edge.errors import ModelError, WrongUseError
from edge.system.hashing import sha256_of
from train.models import check_input_size
from train.recipes.schema import Recipe, load_recipe
from train.run_folder import RunFolder

#: Whose labels a run learns.
LABEL_SETS = ("fer", "ferplus")
#: Changes of a recipe that are not keys of `[fit]`.
_RECIPE_CHANGES = ("augment", "weights", "input_size")


@dataclass(frozen=True)
class RunInputs:
    """What a run is made of beside its recipe; None where it was not given.

    Attributes:
        data: the data set.
        votes: FER+'s votes for it.
        teachers: run folders or models.
        labels: one of `LABEL_SETS`; None is `fer`.
        label_mode: one of `edge.datasets.ferplus.LABEL_MODES`, for `ferplus`.
        limit: greatest number of faces of each split.
    """

    data: DataSet
    votes: Path | None = None
    teachers: Sequence[Path] = ()
    labels: str | None = None
    label_mode: str | None = None
    limit: int | None = None

    @classmethod
    def of(
        cls,
        data: DataLocation,
        votes: str | Path | None,
        teachers: Sequence[str | Path],
        labels: str | None,
        label_mode: str | None,
        limit: int | None,
    ) -> RunInputs:
        """The inputs as a caller names them, once data and votes are known to exist; see the attributes.

        Raises:
            DataError: there is no such file or folder.
        """
        found = DataSet.of(data)
        found.check_exists()
        if votes is not None:
            check_exists(Path(votes))
        paths = tuple(Path(teacher) for teacher in teachers)
        return cls(found, None if votes is None else Path(votes), paths, labels, label_mode, limit)


def set_up_new_run(
    recipe: str | Path | Recipe, inputs: RunInputs, changes: dict[str, Any]
) -> tuple[Recipe, dict[str, Any]]:
    """Apply the changes to the recipe, and check that the inputs are those that it needs.

    Args:
        recipe: a shipped recipe's name, a recipe's file, or a recipe.
        inputs: the data, votes and teachers.
        changes: values of the recipe by key; None leaves a value unchanged.

    Returns:
        The recipe, and the `[data]` table that identifies the inputs: names and SHA-256.

    Raises:
        WrongUseError: votes, teachers or weights are missing, or given where they have no effect.
        MienError: the recipe or a file cannot be read.
    """
    loaded = _changed(recipe if isinstance(recipe, Recipe) else load_recipe(recipe), changes)
    _check_votes(loaded, inputs)
    _check_teachers(loaded, inputs.teachers)
    # A recipe whose stages all need pretrained weights is rejected before the data is read.
    loaded.plan()
    source: dict[str, Any] = inputs.data.as_dict()
    if inputs.limit:
        source["limit"] = inputs.limit
    if inputs.votes is not None:
        source["votes_sha256"] = sha256_of(inputs.votes)
    if inputs.labels == "ferplus":
        source |= {"labels": inputs.labels, "label_mode": inputs.label_mode or LABEL_MODES[0]}
    if inputs.teachers:
        digests = teacher_digests(inputs.teachers)
        source["teachers"] = [
            {"name": path.name, "sha256": digest} for path, digest in zip(inputs.teachers, digests, strict=True)
        ]
    return loaded, source


def set_up_resumed_run(
    run: RunFolder, recipe: str | Path | Recipe | None, inputs: RunInputs, changes: dict[str, Any]
) -> tuple[Recipe, dict[str, Any]]:
    """Read the recipe and the data of a run, and check that nothing else was given than it was started with.

    Args:
        run: the folder of the run.
        recipe: as for `set_up_new_run`; None where it was not given.
        inputs: as for `set_up_new_run`.
        changes: as for `set_up_new_run`.

    Returns:
        The run's recipe and its `[data]` table.

    Raises:
        WrongUseError: there is no run, or it is finished, or something differs from what it was started with.
    """
    recorded, source = run.read_recipe()
    given = {key: value for key, value in changes.items() if value is not None}
    differing = []
    if isinstance(recipe, str) and not recipe.endswith(".toml"):
        differing += ["--arch"] if recipe != recorded.name else []
    elif recipe is not None:
        loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
        differing += ["--recipe"] if _changed(loaded, given) != recorded else []
    for key, value, started_with in (
        ("labels", inputs.labels, source.get("labels", "fer")),
        ("label_mode", inputs.label_mode, source.get("label_mode")),
        ("limit", inputs.limit, source.get("limit")),
    ):
        if value is not None and value != started_with:
            differing.append(_option(key))
    differing += [_option(key) for key, value in given.items() if _changed(recorded, {key: value}) != recorded]
    if differing:
        raise WrongUseError(f"{', '.join(differing)} cannot change with --resume: the run's recipe.toml holds")
    if run.metrics_json.exists():
        run.remove_checkpoint()
        raise WrongUseError(f"the run in {run.path} is finished: nothing to resume")
    given_data = inputs.data.as_dict()
    if given_data["sha256"] != source["sha256"]:
        raise WrongUseError(f"{inputs.data} is not the data of the run in {run.path} ({source['name']})")
    if any(given_data.get(key) != source.get(key) for key in ("class_names", "val_split")):
        raise WrongUseError(f"expected the --class-names and --val-split that the run in {run.path} was started with")
    votes = inputs.votes
    if (None if votes is None else sha256_of(votes)) != source.get("votes_sha256"):
        raise WrongUseError(f"{votes or 'no --votes'}: expected the votes that the run in {run.path} was started with")
    if teacher_digests(inputs.teachers) != [teacher["sha256"] for teacher in source.get("teachers", [])]:
        raise WrongUseError(f"expected the teachers that the run in {run.path} was started with, in the same order")
    return recorded, source


def teacher_digests(teachers: Sequence[Path]) -> list[str]:
    """The SHA-256 of each teacher's model.

    Raises:
        ModelError: a teacher is missing.
    """
    from train.training.distillation import teacher_file

    files = [teacher_file(path) for path in teachers]
    for file in files:
        if not file.is_file():
            raise ModelError(
                f"no teacher at {file}: expected a finished run folder, a .keras or .tflite "
                "file, or the name of a shipped model"
            )
    return [sha256_of(file) for file in files]


def _changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    if changes.get("input_size") is not None:
        check_input_size(recipe.architecture, changes["input_size"])
    fit = {key: value for key, value in changes.items() if key not in _RECIPE_CHANGES}
    return recipe.with_changes(fit, **{key: changes.get(key) for key in _RECIPE_CHANGES})


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _check_teachers(recipe: Recipe, teachers: Sequence[Path]) -> None:
    """Check that teachers are given if and only if they have a share."""
    share = recipe.fit.teacher_share
    if teachers and not share:
        raise WrongUseError(f"{recipe.name} has no share for teachers: give --teacher-share 0.5, or another")
    if share and not teachers:
        raise WrongUseError(
            f"teachers determine {share:.0%} of each target of {recipe.name}: use mien train distill --teacher RUN, or "
            "--teacher-share 0 to train without"
        )


def _check_votes(recipe: Recipe, inputs: RunInputs) -> None:
    """Check that votes are given if and only if they are needed."""
    soft, votes = recipe.fit.soft_labels > 0, inputs.votes
    if inputs.labels == "ferplus":
        if soft:
            raise WrongUseError("--labels ferplus makes soft labels by --label-mode probability: give --soft-labels 0")
        if votes is None:
            raise WrongUseError("--labels ferplus needs FER+'s votes: give --votes fer2013new.csv")
        return
    if inputs.label_mode is not None:
        raise WrongUseError("--label-mode belongs to --labels ferplus")
    if soft and votes is None:
        raise WrongUseError(
            f"{recipe.name} takes {recipe.fit.soft_labels:.0%} of each target from FER+'s votes: give --votes "
            f"fer2013new.csv (github.com/microsoft/FERPlus), or --soft-labels 0 to train without"
        )
    if votes is not None and not soft:
        raise WrongUseError(f"--votes belongs to --labels ferplus, or to soft labels: {recipe.name} has none")
