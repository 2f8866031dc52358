"""A run folder: what one training run leaves behind.

::

    recipe.toml    the recipe as it was run, command-line changes included, and the data's name and SHA-256
    history.csv    a row an epoch
    model.keras    the best epoch's model, in float32
    metrics.json   its scores on PublicTest, and how it came about
    curves.png     loss and accuracy, training beside validation
    bad_rows.txt   rows and images of the data that were left out, where there were any
    tensorboard/   TensorBoard's log, where it was asked for
    checkpoint/    while it runs: what --resume goes on from
"""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import DataError, MissingExtraError, ModelError, WrongUseError
from edge.system.atomic_files import replacing
from train.recipes.schema import Recipe, parse_recipe


@dataclass(frozen=True)
class RunFolder:
    """Names of the files in a run folder."""

    path: Path

    @property
    def recipe_toml(self) -> Path:
        """The recipe as it was run."""
        return self.path / "recipe.toml"

    @property
    def history_csv(self) -> Path:
        """Loss and accuracy, a row an epoch."""
        return self.path / "history.csv"

    @property
    def model_keras(self) -> Path:
        """The trained model."""
        return self.path / "model.keras"

    @property
    def metrics_json(self) -> Path:
        """Scores on PublicTest, and how the model came about."""
        return self.path / "metrics.json"

    @property
    def curves_png(self) -> Path:
        """Loss and accuracy as a picture."""
        return self.path / "curves.png"

    @property
    def bad_rows_txt(self) -> Path:
        """What of the data was left out."""
        return self.path / "bad_rows.txt"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's log."""
        return self.path / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """What --resume goes on from; gone when the run is finished."""
        return self.path / "checkpoint"

    @property
    def latest_weights(self) -> Path:
        """Weights and optimiser after the last finished epoch."""
        return self.checkpoint / "latest.weights.h5"

    @property
    def pending_weights(self) -> Path:
        """The same, until the epoch's other files are written."""
        return self.checkpoint / "pending.weights.h5"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch so far."""
        return self.checkpoint / "best.weights.h5"

    def check_free(self) -> None:
        """See to it that a new run may be made here.

        Raises:
            WrongUseError: the folder holds something already.
        """
        if self.path.exists() and not self.path.is_dir():
            raise WrongUseError(f"{self.path} is a file: expected a folder to make")
        if self.path.exists() and any(self.path.iterdir()):
            raise WrongUseError(f"{self.path} is not empty: give another --out, or --resume to go on with that run")

    def start(self, recipe: Recipe, data: dict[str, Any], bad_rows: list[str]) -> None:
        """Make the folder and write down what is about to be run, and what of the data is left out.

        Raises:
            MissingExtraError: the training extra is not installed.
        """
        try:
            import tomli_w
        except ImportError as error:
            raise MissingExtraError("train", "tomli_w") from error
        self.path.mkdir(parents=True, exist_ok=True)
        with replacing(self.recipe_toml) as temporary:
            temporary.write_text(tomli_w.dumps({**recipe.as_dict(), "data": data}), "utf-8")
        if bad_rows:
            with replacing(self.bad_rows_txt) as temporary:
                temporary.write_text("".join(f"{row}\n" for row in bad_rows), "utf-8")

    def read_recipe(self) -> tuple[Recipe, dict[str, Any]]:
        """The recipe and the data of a run that was started before.

        Raises:
            WrongUseError: no run was started here.
        """
        if not self.recipe_toml.exists():
            raise WrongUseError(f"there is no run to resume in {self.path}: leave --resume out to start one")
        try:
            table = tomllib.loads(self.recipe_toml.read_text("utf-8"))
            data = table.pop("data")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
            raise DataError(f"{self.recipe_toml} is damaged: {error}") from error
        if not isinstance(data, dict) or not {"name", "sha256"} <= set(data):
            raise DataError(f"{self.recipe_toml} is damaged: [data] lacks name or sha256")
        return parse_recipe(table, str(self.recipe_toml)), data

    def read_history(self) -> list[dict[str, float]]:
        """The history's rows as numbers."""
        if not self.history_csv.exists():
            return []
        with self.history_csv.open(newline="") as stream:
            try:
                return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
            except (TypeError, ValueError) as error:
                raise DataError(f"{self.history_csv} is damaged: {error}") from error

    def cut_history(self, epochs: int) -> None:
        """Drop rows of epochs that were written down but not checkpointed."""
        lines = self.history_csv.read_text("utf-8").splitlines(keepends=True) if self.history_csv.exists() else []
        if len(lines) > epochs + 1:
            with replacing(self.history_csv) as temporary:
                temporary.write_text("".join(lines[: epochs + 1]), "utf-8")

    def forget_checkpoint(self) -> None:
        """The run is finished: nothing is left to resume."""
        if self.checkpoint.exists():
            shutil.rmtree(self.checkpoint)


def recorded(model: Path) -> dict[str, Any]:
    """What the `metrics.json` beside a model says of it, `labels` among it; nothing where the model stands alone.

    Raises:
        ModelError: there is such a file that cannot be read.
    """
    path = model.with_name("metrics.json")
    try:
        table = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}, which says what {model.name} is: {error}") from error
    # Other tools call files so too: ours says what the labels are.
    labels = table.get("labels") if isinstance(table, dict) else None
    return table if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else {}
