"""`fit`: from a recipe and a data set to a finished run folder, for the command and for Python alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.datasets.data_set import DataLocation, DataSet
from edge.datasets.faces import Faces
from edge.datasets.ferplus import relabel_by_votes
from edge.datasets.reader import load_dataset
from edge.errors import WrongUseError
from train.backend import import_keras
from train.data.soft_labels import soften_labels
from train.recipes.schema import Recipe
from train.run_folder import RunFolder
from train.training.run_setup import RunInputs, set_up_new_run, set_up_resumed_run

if TYPE_CHECKING:
    from train.training.processes import Processes
    from train.training.trainer import Trainer

Log = Callable[[str], None]
#: Reads splits: data, splits, votes or None, and a function that receives a line for each row that is left out.
ReadSplits = Callable[[DataSet, Sequence[str], Path | None, Log], dict[str, Faces]]


@dataclass(frozen=True)
class FitResult:
    """A finished run.

    Attributes:
        folder: the run folder.
        model: the trained `.keras` file in it.
        metrics: the content of its `metrics.json`: scores on PublicTest, epochs, device, data and more.
        is_first_process: False in the other processes of a distributed run, which have not written the folder.
    """

    folder: Path
    model: Path
    metrics: dict[str, Any]
    is_first_process: bool = True

    @property
    def accuracy(self) -> float:
        """The accuracy of the saved model on PublicTest, 0..1."""
        return float(self.metrics["scores"]["accuracy"])


def fit(
    recipe: str | Path | Recipe | None,
    data: DataLocation,
    out: str | Path,
    *,
    votes: str | Path | None = None,
    teachers: Sequence[str | Path] = (),
    labels: str | None = None,
    label_mode: str | None = None,
    limit: int | None = None,
    tensorboard: bool = False,
    resume: bool = False,
    distributed: bool = False,
    verbose: int = 0,
    log: Log | None = None,
    read: ReadSplits | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    **changes: Any,
) -> FitResult:
    """Train a recipe: fit on Training, and save the epoch that is best on PublicTest into a run folder.

    Example:
        >>> result = fit("cnn", "fer2013.csv", "runs/cnn", epochs=10)  # doctest: +SKIP
        >>> result.model, result.accuracy  # doctest: +SKIP
        (PosixPath('runs/cnn/model.keras'), 0.6412)

    Args:
        recipe: a shipped recipe's name (`train.recipes.recipe_names`), the path of a recipe's TOML file, or a recipe.
            None with `resume` takes that of the run.
        data: `fer2013.csv`, as it is or compressed, or a folder of images.
        out: the run folder to make; with `resume`, the one to continue.
        votes: FER+'s `fer2013new.csv` for the same rows; needed for `labels="ferplus"` and for soft labels.
        teachers: run folders or models for distillation; the recipe's `teacher_share` is their share in each target.
        labels: `fer`, FER-2013's labels, or `ferplus`, those of FER+'s votes; None is `fer`.
        label_mode: for `ferplus`: `majority` or `probability`; None is `majority`.
        limit: use at most this many faces of each split, drawn at random by the recipe's seed.
        tensorboard: write TensorBoard's log as well; needs the extra `tensorboard`.
        resume: continue an interrupted run from its last finished epoch.
        distributed: this is one of several processes that train together, each with the same arguments, on JAX; each
            batch is split among them, and the first one writes the folder. `train.training.processes` describes how
            they find each other. To resume a run, all of them have to see its folder.
        verbose: Keras' progress display: 0 none, 1 a bar, 2 one line for each epoch.
        log: receives one-line messages about the run; None discards them.
        read: reads the data, for a progress bar of the caller's; None reads it without one.
        on_epoch: called after each epoch with its number, counted from 0, and its accuracy on PublicTest, 0..1. What it
            raises ends the run and reaches the caller; `resume=True` continues it.
        changes: values that replace the recipe's: any key of `[fit]`, such as `epochs` or `seed`; `augment` (bool),
            `weights` and `input_size`. None leaves a value unchanged.

    Returns:
        The finished run.

    Raises:
        WrongUseError: the arguments do not fit together, or the folder is not empty.
        DataError: the data or the recipe cannot be read.
        ModelError: a teacher is missing or damaged.
        MissingExtraError: the extra `train` is not installed.
        MienError: the loss is no longer a number, or a batch does not fit in memory.
        KeyboardInterrupt: Ctrl-C was pressed; `resume=True` continues the run.
    """
    run, report = RunFolder(Path(out)), log or discard
    inputs = RunInputs.of(data, votes, teachers, labels, label_mode, limit)
    if resume:
        loaded, source = set_up_resumed_run(run, recipe, inputs, changes)
    elif recipe is None:
        raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
    else:
        loaded, source = set_up_new_run(recipe, inputs, changes)
    processes = _join() if distributed else None
    is_first = processes is None or processes.is_first
    if not resume and is_first:
        run.check_free()
    if not is_first:
        report, read, verbose, tensorboard = discard, None, 0, False
    with nullcontext(run) if processes is None else processes.own_folder(run) as own:
        trainer, bad_rows = build_trainer(
            loaded,
            source,
            inputs,
            own,
            log=report,
            read=read,
            verbose=verbose,
            tensorboard=tensorboard,
            on_epoch=on_epoch,
            processes=processes,
        )
        if not resume:
            own.start(loaded, source, bad_rows)
        metrics = trainer.fit(source)
    return FitResult(run.path, run.model_keras, metrics, is_first)


def _join() -> Processes:
    import_keras()
    from train.training.processes import join_processes

    return join_processes()


def build_trainer(
    recipe: Recipe,
    source: dict[str, Any],
    inputs: RunInputs,
    run: RunFolder,
    *,
    log: Log,
    read: ReadSplits | None = None,
    **options: Any,
) -> tuple[Trainer, list[str]]:
    """Read the data, and check that the run can start; nothing is written.

    Args:
        recipe: the recipe.
        source: the `[data]` table, as `set_up_new_run` returns it.
        inputs: the data, votes and teachers.
        run: the run folder, which need not exist.
        log: as for `fit`.
        read: as for `fit`.
        options: further arguments of `Trainer`.

    Returns:
        The trainer, and a line for each row or image of the data that is left out.

    Raises:
        MienError: as `fit`.
    """
    import_keras()
    bad_rows: list[str] = []
    faces = (read or _read)(inputs.data, ("Training", "PublicTest"), inputs.votes, bad_rows.append)
    faces = _prepare(faces, recipe, source, log)

    from train.training.distillation import Teachers
    from train.training.trainer import Trainer

    share, classes = recipe.fit.teacher_share, faces["Training"].labels
    teachers = Teachers(inputs.teachers, classes, share) if inputs.teachers else None
    trainer = Trainer(recipe, faces["Training"], faces["PublicTest"], run, teachers=teachers, log=log, **options)
    # Before the folder is made: a recipe that does not fit its architecture leaves nothing behind.
    trainer.check()
    return trainer, bad_rows


def _prepare(faces: dict[str, Faces], recipe: Recipe, source: dict[str, Any], log: Log) -> dict[str, Faces]:
    """The faces with the targets that the run learns, and no more than its limit."""
    if source.get("labels") == "ferplus":
        faces = _with_ferplus_labels(faces, source["label_mode"], log)
    elif recipe.fit.soft_labels:
        faces["Training"] = soften_labels(faces["Training"], recipe.fit.soft_labels)
    return {name: part.sample(source.get("limit"), recipe.fit.seed) for name, part in faces.items()}


def _with_ferplus_labels(faces: dict[str, Faces], mode: str, log: Log) -> dict[str, Faces]:
    labeled = {name: relabel_by_votes(part, mode) for name, part in faces.items()}
    dropped = ", ".join(f"{len(faces[name]) - len(part)} of {name}" for name, part in labeled.items())
    log(f"FER+ by {mode}: faces left out because they have no clear vote: {dropped}")
    return labeled


def _read(data: DataSet, splits: Sequence[str], votes: Path | None, on_bad: Log) -> dict[str, Faces]:
    return load_dataset(data, splits, votes=votes, on_bad=on_bad)


def discard(message: str) -> None:
    """Discard a message."""
