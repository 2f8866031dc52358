"""A run folder: what one training run leaves behind.

::

    recipe.toml    the recipe as it was run, with the command line's changes, and the data's name and SHA-256
    history.csv    one row for each epoch
    model.keras    the best epoch's model, in float32
    metrics.json   its scores on PublicTest, and how it was trained
    curves.png     loss and accuracy, training beside validation
    bad_rows.txt   rows and images of the data that were left out, where there were any
    tensorboard/   TensorBoard's log, with --tensorboard
    checkpoint/    while the run goes on: the state from which --resume continues
"""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import DataError, MissingExtraError, ModelError, WrongUseError, first_line, shortened
from edge.system.atomic_files import replacing, write_json
from edge.system.regular_files import read_regular
from edge.system.toml_text import parse_toml

if TYPE_CHECKING:
    from train.recipes.schema import Recipe

#: Of a metrics.json: it has a few numbers for each class.
_MAX_METRICS_BYTES = 16 << 20


@dataclass(frozen=True)
class RunFolder:
    """The paths of the files in a run folder, and the reading and writing of the small ones.

    Attributes:
        path: the folder, which need not exist yet.
    """

    path: Path

    @property
    def recipe_toml(self) -> Path:
        """The recipe as it was run."""
        return self.path / "recipe.toml"

    @property
    def history_csv(self) -> Path:
        """Loss and accuracy of each epoch."""
        return self.path / "history.csv"

    @property
    def model_keras(self) -> Path:
        """The trained model."""
        return self.path / "model.keras"

    @property
    def metrics_json(self) -> Path:
        """Scores on PublicTest, and how the model was trained."""
        return self.path / "metrics.json"

    @property
    def curves_png(self) -> Path:
        """Chart of loss and accuracy."""
        return self.path / "curves.png"

    @property
    def bad_rows_txt(self) -> Path:
        """The rows and images of the data that were left out."""
        return self.path / "bad_rows.txt"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's log."""
        return self.path / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """The state from which --resume continues; removed when the run is finished."""
        return self.path / "checkpoint"

    @property
    def latest_weights(self) -> Path:
        """Weights and optimizer state after the last finished epoch."""
        return self.checkpoint / "latest.weights.h5"

    @property
    def pending_weights(self) -> Path:
        """The same of the current epoch, until its other files are written."""
        return self.checkpoint / "pending.weights.h5"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch so far."""
        return self.checkpoint / "best.weights.h5"

    def check_free(self) -> None:
        """Check that a new run may be started here.

        Raises:
            WrongUseError: the folder is not empty, or is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise WrongUseError(f"{self.path} is a file: expected a folder to make")
        if self.path.exists() and any(self.path.iterdir()):
            raise WrongUseError(f"{self.path} is not empty: give another --out, or --resume to go on with that run")

    def start(self, recipe: Recipe, data: dict[str, Any], bad_rows: list[str]) -> None:
        """Create the folder, and record the recipe, the data and what was left out of the data.

        Args:
            recipe: the recipe as it will be run.
            data: the `[data]` table: `name`, `sha256` and what else identifies the data.
            bad_rows: one line for each row or image that was left out.

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

    def write_derived(self, origin: RunFolder, model: Any, metrics: dict[str, Any]) -> None:
        """Create the folder of a finished run that was made from another one, without training.

        Args:
            origin: the run that it was made from; its recipe, history and curves are copied.
            model: the Keras model.
            metrics: what `metrics.json` holds.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for path in (origin.recipe_toml, origin.history_csv, origin.curves_png):
            if path.is_file():
                shutil.copyfile(path, self.path / path.name)
        with replacing(self.model_keras) as temporary:
            model.save(temporary)
        # Last: with it, the folder is a finished run.
        write_json(self.metrics_json, metrics)

    def read_recipe(self) -> tuple[Recipe, dict[str, Any]]:
        """The recipe and the `[data]` table of a run that was started earlier.

        Raises:
            WrongUseError: no run was started here.
            DataError: the file is damaged.
        """
        from train.recipes.schema import parse_recipe

        if not self.recipe_toml.exists():
            raise WrongUseError(f"there is no run to resume in {self.path}: leave --resume out to start one")
        try:
            table = parse_toml(self.recipe_toml.read_text("utf-8"))
            data = table.pop("data")
        except (ValueError, KeyError, RecursionError) as error:
            # A ValueError is text that is not UTF-8 or not TOML, or a number of thousands of digits.
            raise DataError(f"{self.recipe_toml} is damaged: {first_line(error)}") from error
        if not isinstance(data, dict) or not {"name", "sha256"} <= set(data):
            raise DataError(f"{self.recipe_toml} is damaged: [data] lacks name or sha256")
        return parse_recipe(table, str(self.recipe_toml)), data

    def read_history(self) -> list[dict[str, float]]:
        """The rows of the history, one for each epoch, as numbers by column; empty before the first epoch.

        Raises:
            DataError: the file is damaged.
        """
        if not self.history_csv.exists():
            return []
        with self.history_csv.open(newline="") as stream:
            try:
                return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
            except (TypeError, ValueError, csv.Error) as error:
                raise DataError(f"{self.history_csv} is damaged: {first_line(error)}") from error

    def truncate_history(self, epochs: int) -> None:
        """Remove the rows after the first `epochs`: they were written, and their checkpoint was not."""
        lines = self.history_csv.read_text("utf-8").splitlines(keepends=True) if self.history_csv.exists() else []
        if len(lines) > epochs + 1:
            with replacing(self.history_csv) as temporary:
                temporary.write_text("".join(lines[: epochs + 1]), "utf-8")

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint of a finished run, which cannot be resumed."""
        if self.checkpoint.exists():
            shutil.rmtree(self.checkpoint)


def recorded_metrics(model: Path) -> dict[str, Any]:
    """The content of the `metrics.json` beside a model, with `labels` among it; empty where the model stands alone.

    Raises:
        ModelError: there is such a file, and it cannot be read.
    """
    path = model.with_name("metrics.json")
    try:
        table = json.loads(read_regular(path, _MAX_METRICS_BYTES)) if path.exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot read {path}, which describes {model.name}: {error}") from error
    # Other tools use the same file name: only mien's has the labels.
    labels = table.get("labels") if isinstance(table, dict) else None
    is_own = isinstance(labels, list) and all(isinstance(label, str) and label.isprintable() for label in labels)
    return table if is_own else {}


def recorded_labels(model: Path, n_classes: int) -> tuple[str, ...]:
    """The class names that the run folder of a model records; empty where the model stands alone.

    Raises:
        ModelError: the folder names another number of classes than the model has.
    """
    labels = tuple(recorded_metrics(model).get("labels", ()))
    if labels and len(labels) != n_classes:
        names = shortened(", ".join(labels), 200)
        raise ModelError(f"{model} has {n_classes} classes, metrics.json beside it names {len(labels)}: {names}")
    return labels
