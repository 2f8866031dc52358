"""A data set as a user gives it: where it is, and what its folders do not state."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import DataError
from edge.system.hashing import sha256_of

#: How the files of models end: one that is given as data was taken for another argument.
MODEL_SUFFIXES = (".tflite", ".keras", ".h5")


@dataclass(frozen=True)
class DataSet:
    """A data set that `load_dataset` reads.

    Attributes:
        path: `fer2013.csv`, plain or as .gz, .bz2, .xz or .zip; or a folder of images.
        class_names: names of the classes whose folders are numbers, in the order of the numbers; empty where the
            folders have names.
        val_split: share of each class of Training, drawn at random, that becomes PublicTest; None where the data set
            has validation faces of its own.
    """

    path: Path
    class_names: tuple[str, ...] = ()
    val_split: float | None = None

    @classmethod
    def of(cls, data: DataLocation) -> DataSet:
        """Return the data set at a path; one that is a `DataSet` already as it is."""
        return data if isinstance(data, DataSet) else cls(Path(data))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """The name of the file or folder."""
        return self.path.name

    def check_exists(self) -> None:
        """Check that the file or folder exists.

        Raises:
            DataError: it does not exist, or is a model.
        """
        check_exists(self.path)

    def as_arguments(self) -> str:
        """Return the options of a command that reads this data set, as a shell takes them."""
        arguments = ["--data", str(self.path)]
        if self.class_names:
            arguments += ["--class-names", ",".join(self.class_names)]
        if self.val_split is not None:
            arguments += ["--val-split", f"{self.val_split:g}"]
        return shlex.join(arguments)

    def as_dict(self) -> dict[str, Any]:
        """Return what identifies the data set in a record: name, SHA-256, and how it was read if that was stated."""
        table: dict[str, Any] = {"name": self.name, "sha256": sha256_of(self.path)}
        if self.class_names:
            table["class_names"] = list(self.class_names)
        if self.val_split is not None:
            table["val_split"] = self.val_split
        return table


#: What the library's functions take as data.
DataLocation = str | Path | DataSet


def check_exists(path: Path) -> None:
    """Check that a data set, or a file that belongs to one, exists.

    Raises:
        DataError: it does not exist, or is a model.
    """
    if path.suffix in MODEL_SUFFIXES or (path / "saved_model.pb").exists():
        raise DataError(f"{path} is a model: expected a data set, fer2013.csv (.gz .bz2 .xz .zip) or a folder of faces")
    if not path.exists():
        raise DataError(f"no data set at {path}: expected fer2013.csv (.gz .bz2 .xz .zip) or a folder")
