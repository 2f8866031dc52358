"""The folder of a search: what it leaves behind, and from which it continues.

::

    search.toml    recipe, data and search space
    optuna.log     Optuna's journal of the trials
    trials/        a run folder for each trial; only the best one keeps its model.keras
    trials.csv     what each trial gave
    trials.png     the same as a chart
    best.toml      the best trial's recipe
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import DataError, MissingExtraError, WrongUseError, first_line
from edge.system.atomic_files import replacing
from edge.system.operating_system import optional_module
from edge.system.toml_text import parse_toml
from edge.system.untrusted_text import spreadsheet_cell
from train.recipes.schema import Recipe, parse_recipe
from train.run_folder import RunFolder
from train.training.search_space import SearchSpace, parse_space

_FCNTL = optional_module("fcntl")


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        folder: name of its run folder below `trials`.
        state: `complete`; `pruned`, because it was worse than the median of the others after as many epochs; or
            `failed`.
        accuracy: that of its best epoch on PublicTest, 0..1; None if no epoch was finished.
        epochs: how many were trained.
        values: of the recipe, by names such as `fit.learning_rate`.
        error: why it failed, in one line; empty if it did not.
    """

    folder: str
    state: str
    accuracy: float | None
    epochs: int
    values: dict[str, Any]
    error: str = ""


@dataclass(frozen=True)
class SearchFolder:
    """The paths of the files in the folder of a search, and the reading and writing of the small ones.

    Attributes:
        path: the folder, which need not exist yet.
    """

    path: Path

    @property
    def search_toml(self) -> Path:
        """Recipe, data and search space."""
        return self.path / "search.toml"

    @property
    def journal(self) -> Path:
        """Optuna's journal of the trials."""
        return self.path / "optuna.log"

    @property
    def trials_csv(self) -> Path:
        """What each trial gave."""
        return self.path / "trials.csv"

    @property
    def trials_png(self) -> Path:
        """The accuracy of each trial, over its number and over each value."""
        return self.path / "trials.png"

    @property
    def best_toml(self) -> Path:
        """The best trial's recipe."""
        return self.path / "best.toml"

    def run(self, trial: str) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / "trials" / trial)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from searching here; where the system has locks.

        Raises:
            WrongUseError: another process does.
        """
        with self.search_toml.open("rb") as stream:
            try:
                if _FCNTL is not None:
                    _FCNTL.flock(stream, _FCNTL.LOCK_EX | _FCNTL.LOCK_NB)
            except BlockingIOError as error:
                raise WrongUseError(f"another process searches in {self.path}: wait for it, or end it") from error
            except OSError:
                # Some network file systems have no locks.
                pass
            yield

    def start(self, recipe: Recipe, data: dict[str, Any], space: SearchSpace) -> None:
        """Create the folder, and record what is searched.

        Args:
            recipe: the recipe whose values are changed.
            data: the `[data]` table of a run.
            space: the values.

        Raises:
            MissingExtraError: the training extra is not installed.
        """
        _write_toml(self.search_toml, {"recipe": recipe.as_dict(), "data": data, "space": space.as_dict()})

    def read(self) -> tuple[Recipe, dict[str, Any], SearchSpace]:
        """Recipe, `[data]` table and search space of a search that was started earlier.

        Raises:
            WrongUseError: no search was started here.
            DataError: the file is damaged.
        """
        if not self.search_toml.exists():
            raise WrongUseError(f"there is no search to resume in {self.path}: leave --resume out to start one")
        where = str(self.search_toml)
        try:
            table = parse_toml(self.search_toml.read_text("utf-8"))
            recipe, data, space = table["recipe"], table["data"], table["space"]
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise DataError(f"{where} is damaged: {first_line(error)}") from error
        if not all(isinstance(one, dict) for one in (recipe, data, space)) or "sha256" not in data:
            raise DataError(f"{where} is damaged: expected the tables [recipe], [data] and [space]")
        return parse_recipe(recipe, where), data, parse_space(space, where)

    def write_trials(self, trials: Sequence[Trial]) -> None:
        """Write `trials.csv`: a row for each trial, in their order."""
        names = sorted({name for trial in trials for name in trial.values})
        with replacing(self.trials_csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("trial", "state", "accuracy", "epochs", *names, "error"))
            for trial in trials:
                values = [trial.values.get(name, "") for name in names]
                cells = (trial.folder, trial.state, trial.accuracy, trial.epochs, *values, trial.error)
                writer.writerow([spreadsheet_cell(str(cell) if isinstance(cell, list) else cell) for cell in cells])

    def write_best(self, recipe: Recipe) -> None:
        """Write `best.toml`."""
        _write_toml(self.best_toml, recipe.as_dict())


def _write_toml(path: Path, table: dict[str, Any]) -> None:
    try:
        import tomli_w
    except ImportError as error:
        raise MissingExtraError("train", "tomli_w") from error
    with replacing(path) as temporary:
        temporary.write_text(tomli_w.dumps(table), "utf-8")
