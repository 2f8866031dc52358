"""The reader of labeled faces: FER-2013's CSV in any compression, folders of images, and FER+ votes.

Splits have FER-2013's names: `Training` to fit and calibrate on, `PublicTest` to choose on, `PrivateTest` to report
on. A folder's `train/` is Training; its `val/`, `valid/`, `validation/` or `val_set/` is PublicTest; its `test/` is
PrivateTest if one of these exists, and PublicTest otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.datasets.bad_records import BadRecords
from edge.datasets.data_set import DataLocation, DataSet
from edge.datasets.faces import SPLITS, Faces, Progress
from edge.datasets.fer2013 import read_csv
from edge.datasets.folder_layout import FolderLayout
from edge.datasets.image_folders import read_folder
from edge.errors import DataError, WrongUseError

__all__ = ["SPLITS", "DataSet", "Faces", "Progress", "load_dataset"]

#: Of the draw of validation faces: every command must read the same.
_SPLIT_SEED = 0


def load_dataset(
    data: DataLocation,
    splits: Sequence[str] | None = SPLITS,
    *,
    votes: str | Path | None = None,
    progress: Progress | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> dict[str, Faces]:
    """Read splits of a data set.

    Args:
        data: `fer2013.csv`, plain or as .gz, .bz2, .xz or .zip; a folder `<split>/<label>/*.jpg|png`; or a `DataSet`,
            which also states the classes of numbered folders, and how many of Training's faces become PublicTest.
        splits: which of `SPLITS` to read; None for those that the data set has.
        votes: FER+'s `fer2013new.csv` for the same rows in the same order; only with a CSV.
        progress: called now and then with the number of bytes or files that were read, and of all.
        on_bad: called with one line for each bad row or image that is left out.

    Returns:
        Split name to faces; each split has at least one face, and all have the same labels.

    Raises:
        WrongUseError: `votes` or class names are given for another kind of data set, or validation faces are to be
            drawn from one that has its own.
        DataError: the data set is missing or of another kind, more than 1 % of the rows or images are bad, the votes
            belong to other rows, or a split is empty.
    """
    source = DataSet.of(data)
    source.check_exists()
    names = SPLITS if splits is None else splits
    needed = names if source.val_split is None else tuple({*names, "Training", "PublicTest"})
    reading = _Reading(source, needed, None if votes is None else Path(votes), progress, on_bad)
    found = reading.of_folder() if source.path.is_dir() else reading.of_csv()
    if source.val_split is not None:
        found = _with_validation(found, source)
    missing = [split for split in names if not len(found[split])]
    if missing and (splits is not None or len(missing) == len(names)):
        hint = "; --val-split 0.1 takes a tenth of Training" if missing == ["PublicTest"] else ""
        raise DataError(f"{source} has no {missing[0]} faces: expected at least one{hint}")
    return {split: found[split] for split in names if split not in missing}


@dataclass(frozen=True)
class _Reading:
    """What is read of a data set."""

    source: DataSet
    splits: Sequence[str]
    votes: Path | None
    progress: Progress | None
    on_bad: Callable[[str], None] | None

    def of_folder(self) -> dict[str, Faces]:
        if self.votes is not None:
            raise WrongUseError("--votes is for fer2013.csv: a folder of images has no row order to match")
        path = self.source.path
        layout = FolderLayout.of(path, self.source.class_names, has_validation=self.source.val_split is None)
        return read_folder(layout, self.splits, self.progress, BadRecords(path, "images", self.on_bad))

    def of_csv(self) -> dict[str, Faces]:
        path = self.source.path
        if self.source.class_names:
            raise WrongUseError(f"--class-names is for folders of images: the classes of {path} are FER-2013's")
        return read_csv(path, self.splits, self.votes, self.progress, BadRecords(path, "rows", self.on_bad))


def _with_validation(found: dict[str, Faces], source: DataSet) -> dict[str, Faces]:
    """Return the splits with a share of each class of Training as PublicTest."""
    if len(found["PublicTest"]):
        raise WrongUseError(
            f"{source} has {len(found['PublicTest'])} validation faces of its own (PublicTest): leave --val-split out"
        )
    training = found["Training"]
    draw, drawn = np.random.default_rng(_SPLIT_SEED), np.zeros(len(training), bool)
    for class_id in range(len(training.labels)):
        positions = np.flatnonzero(training.class_ids == class_id)
        n = round((source.val_split or 0) * len(positions))
        drawn[draw.permutation(positions)[:n]] = True
    return {
        **found,
        "Training": training.take(np.flatnonzero(~drawn)),
        "PublicTest": training.take(np.flatnonzero(drawn)),
    }
