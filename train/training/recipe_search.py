"""Searches values of a recipe by many trials: Optuna chooses them, `fit` trains them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.datasets.data_set import DataLocation
from edge.errors import MissingExtraError, WrongUseError
from train.backend import import_keras
from train.recipes.schema import Recipe, load_recipe
from train.run_folder import RunFolder, recorded_metrics
from train.training.errors import UntrainableError
from train.training.fitting import Log, ReadSplits, build_trainer, discard, fit
from train.training.run_setup import RunInputs, set_up_new_run
from train.training.search_folder import SearchFolder, Trial
from train.training.search_space import SearchSpace, changed_recipe, default_space, load_space

if TYPE_CHECKING:
    import optuna

#: The first trials are not pruned, nor is any trial in the first share of its epochs: a median of few means little.
_UNPRUNED_TRIALS, _UNPRUNED_SHARE = 5, 0.2
#: User attributes of Optuna's trials: the name of the run folder, and why it failed.
_FOLDER, _ERROR = "folder", "error"


def search(
    recipe: str | Path | Recipe | None,
    data: DataLocation,
    out: str | Path,
    *,
    space: str | Path | SearchSpace | None = None,
    trials: int = 20,
    prune: bool = True,
    votes: str | Path | None = None,
    teachers: Sequence[str | Path] = (),
    labels: str | None = None,
    label_mode: str | None = None,
    limit: int | None = None,
    resume: bool = False,
    verbose: int = 0,
    log: Log | None = None,
    read: ReadSplits | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    **changes: Any,
) -> list[Trial]:
    """Train a recipe again and again with other values, and write the recipe of the best trial.

    The first trial has the recipe's own values. Optuna's tree-structured Parzen estimator chooses the others by the
    accuracy of the trials before, on PublicTest.

    Example:
        >>> found = search("cnn", "fer2013.csv", "runs/search", trials=30, epochs=10)  # doctest: +SKIP
        >>> max(found, key=lambda trial: trial.accuracy or 0).values  # doctest: +SKIP
        {'fit.learning_rate': 0.081, 'fit.weight_decay': 0.0032, 'fit.label_smoothing': 0.04, 'fit.batch_size': 64}

    Args:
        recipe: as for `train.training.fit`; None with `resume` takes that of the search.
        data: as for `fit`.
        out: the folder of the search, described in `train.training.search_folder`.
        space: the values to search, or the path of a TOML file with them; None is `default_space`, and with `resume`
            that of the search.
        trials: how many, together with those of the search that is resumed.
        prune: whether a trial ends that is worse than the median of the trials before after as many epochs.
        votes: as for `fit`.
        teachers: as for `fit`.
        labels: as for `fit`.
        label_mode: as for `fit`.
        limit: as for `fit`.
        resume: continue a search; a trial that was interrupted goes on after its last finished epoch.
        read: as for `fit`, once: the trials read without a progress bar.
        verbose: as for `fit`.
        log: as for `fit`.
        on_trial: called after each trial.
        changes: as for `fit`.

    Returns:
        All trials, in their order.

    Raises:
        WrongUseError: the arguments do not fit together, or the folder is not empty.
        DataError: the data, the recipe or the search space cannot be read.
        MissingExtraError: the extra `search` or `train` is not installed.
        MienError: the recipe cannot be trained at all.
        KeyboardInterrupt: Ctrl-C was pressed; `resume=True` continues.
    """
    folder = SearchFolder(Path(out))
    inputs = RunInputs.of(data, votes, teachers, labels, label_mode, limit)
    import_optuna()
    if resume:
        base, searched = _set_up_resumed_search(folder, recipe, inputs, space, changes)
    elif recipe is None:
        raise WrongUseError("give either --arch NAME (see `mien train list`) or --recipe FILE")
    else:
        base, source = set_up_new_run(recipe, inputs, changes)
        searched = _load_space(space, base)
        run = RunFolder(folder.path)
        run.check_free()
        # Data that cannot be read, or a recipe that does not fit its architecture, leaves nothing behind.
        build_trainer(base, source, inputs, run, log=log or discard, read=read)
        folder.start(base, source, searched)
        read = None
    with folder.held():
        study = _Study(folder, base, searched, prune)
        while len(study.finished()) < trials:
            trial = study.run_trial(
                data,
                votes=votes,
                teachers=teachers,
                labels=labels,
                label_mode=label_mode,
                limit=limit,
                verbose=verbose,
                log=log,
                read=read,
            )
            read = None
            study.write_results()
            if on_trial is not None:
                on_trial(trial)
        return study.finished()


def import_optuna() -> Any:
    """Import Optuna, without its own messages.

    Raises:
        MissingExtraError: the extra `search` is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("train,search", error.name or "optuna") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class _Study:
    """Optuna's study in the folder of a search.

    Args:
        folder: started before.
        recipe: the recipe whose values are changed.
        space: the values.
        prune: whether bad trials end early.
    """

    def __init__(self, folder: SearchFolder, recipe: Recipe, space: SearchSpace, prune: bool) -> None:
        self._optuna = import_optuna()
        self._folder, self._recipe, self._space = folder, recipe, space
        storages = self._optuna.storages
        storage = storages.JournalStorage(storages.journal.JournalFileBackend(str(folder.journal)))
        epochs = sum(stage.epochs for stage in recipe.plan())
        median = self._optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, round(epochs * _UNPRUNED_SHARE))
        self._study: optuna.Study = self._optuna.create_study(
            storage=storage,
            study_name="mien",
            direction="maximize",
            load_if_exists=True,
            pruner=median if prune else self._optuna.pruners.NopPruner(),
        )
        begun = self._study.get_trials(deepcopy=False)
        # A resumed search must not draw the same numbers again.
        self._study.sampler = self._optuna.samplers.TPESampler(seed=recipe.fit.seed + len(begun))
        if not begun:
            self._study.enqueue_trial(space.parameters(recipe))
        for trial in begun:
            if trial.state == self._optuna.trial.TrialState.RUNNING:
                # Ended by Ctrl-C or by a kill: its place is taken by one with the same values and the same run folder.
                self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
                self._study.enqueue_trial(trial.params, {_FOLDER: _folder_name(trial)})

    def run_trial(self, data: DataLocation, **options: Any) -> Trial:
        """Choose values, and train with them.

        Args:
            data: the data set.
            options: of `train.training.fit`.

        Raises:
            MienError: the recipe cannot be trained, whatever its values.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        trial, states = self._study.ask(), self._optuna.trial.TrialState
        values = self._space.suggest(trial)
        run = self._folder.run(_folder_name(trial))
        recipe = changed_recipe(self._recipe, values, f"{self._recipe.name} as trial {trial.number} changes it")
        # A run may be killed after it wrote the line of an epoch, and before the epoch counts: it is trained again.
        ended = None if recorded_metrics(run.model_keras) else _finished_epochs(run)
        for row, epoch in enumerate(run.read_history()[:ended]):
            trial.report(epoch["val_accuracy"], row)

        def report(epoch: int, accuracy: float) -> None:
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise self._optuna.TrialPruned

        resumed = run.recipe_toml.exists()
        # The changes of the command line are in the recipe.
        try:
            # A search may be killed between the end of a run and the line about it in Optuna's journal.
            metrics = recorded_metrics(run.model_keras)
            if not metrics:
                last = None if resumed else recipe
                metrics = fit(last, data, run.path, resume=resumed, on_epoch=report, **options).metrics
            self._study.tell(trial, metrics["scores"]["accuracy"])
        except self._optuna.TrialPruned:
            run.remove_checkpoint()
            self._study.tell(trial, state=states.PRUNED)
        except UntrainableError as error:
            run.remove_checkpoint()
            trial.set_user_attr(_ERROR, str(error))
            self._study.tell(trial, state=states.FAIL)
        finally:
            # A process that trains many networks would keep them all.
            import_keras().backend.clear_session()
            gc.collect()
        return self.finished()[-1]

    def finished(self) -> list[Trial]:
        """The trials that are complete, pruned or failed, in their order."""
        states = self._optuna.trial.TrialState
        names = {states.COMPLETE: "complete", states.PRUNED: "pruned", states.FAIL: "failed"}
        return [
            self._trial(trial, names[trial.state])
            for trial in self._study.get_trials(deepcopy=False)
            # One that was interrupted has failed for Optuna, too.
            if trial.state in names and (trial.state != states.FAIL or _ERROR in trial.user_attrs)
        ]

    def write_results(self) -> None:
        """Write the table, the chart and the best recipe; of all models, keep the best one."""
        from train.plots.trials import draw_trials

        trials = self.finished()
        self._folder.write_trials(trials)
        best = best_trial(trials)
        if best is None:
            return
        scales = {name: one.scale for name, one in self._space.dimensions.items()}
        draw_trials(trials, self._folder.trials_png, title=self._recipe.name, scales=scales)
        self._folder.write_best(changed_recipe(self._recipe, best.values, str(self._folder.best_toml)))
        for trial in trials:
            if trial != best:
                self._folder.run(trial.folder).model_keras.unlink(missing_ok=True)

    def _trial(self, trial: optuna.trial.FrozenTrial, state: str) -> Trial:
        history = self._folder.run(_folder_name(trial)).read_history()
        reached = max((row["val_accuracy"] for row in history), default=None)
        accuracy = trial.value if state == "complete" else reached
        values = self._space.values_of(trial.params)
        return Trial(_folder_name(trial), state, accuracy, len(history), values, trial.user_attrs.get(_ERROR, ""))


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the highest accuracy, the first of several; None if none is complete."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return max(complete, key=lambda trial: trial.accuracy or 0.0, default=None)


def _folder_name(trial: optuna.Trial | optuna.trial.FrozenTrial) -> str:
    return str(trial.user_attrs.get(_FOLDER, f"{trial.number:04d}"))


def _load_space(space: str | Path | SearchSpace | None, recipe: Recipe) -> SearchSpace:
    if space is None:
        return default_space(recipe)
    return space if isinstance(space, SearchSpace) else load_space(Path(space), recipe)


def _set_up_resumed_search(
    folder: SearchFolder,
    recipe: str | Path | Recipe | None,
    inputs: RunInputs,
    space: str | Path | SearchSpace | None,
    changes: dict[str, Any],
) -> tuple[Recipe, SearchSpace]:
    """Recipe and space of a search, once nothing else was given than it was started with."""
    base, source, searched = folder.read()
    given = base if recipe is None else recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    changed, now = set_up_new_run(given, inputs, changes)
    differing = []
    if changed != base:
        differing.append("the recipe or an option that changes it")
    if now != source:
        keys = sorted(key for key in {*now, *source} if now.get(key) != source.get(key) and key != "name")
        differing += [f"the data ({', '.join(keys)})"] if keys else []
    if space is not None and _load_space(space, base) != searched:
        differing.append("--space")
    if differing:
        raise WrongUseError(
            f"{' and '.join(differing)} cannot change with --resume: expected what {folder.search_toml} holds"
        )
    return base, searched


def _finished_epochs(run: RunFolder) -> int:
    import_keras()
    from train.training.checkpoint import finished_epochs

    return finished_epochs(run)
