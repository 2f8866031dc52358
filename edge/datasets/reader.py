"""The reader of labeled faces: FER-2013's CSV in any compression, folders of images, and FER+ votes.

Splits have FER-2013's names: `Training` to fit and calibrate on, `PublicTest` to choose on, `PrivateTest` to report
on. A folder's `train/` is Training; its `val/`, `valid/` or `validation/` is PublicTest; its `test/` is PrivateTest if
one of these exists, and PublicTest otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.datasets.bad_records import BadRecords
from edge.datasets.faces import SPLITS, Faces, Progress
from edge.datasets.fer2013 import read_csv
from edge.datasets.image_folders import read_folder
from edge.errors import DataError

#: How the files of models end: one that is given as data was taken for another argument.
MODEL_SUFFIXES = (".tflite", ".keras", ".h5")

__all__ = ["SPLITS", "Faces", "Progress", "load_dataset"]


def load_dataset(
    path: str | Path,
    splits: Sequence[str] | None = SPLITS,
    *,
    votes: str | Path | None = None,
    progress: Progress | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> dict[str, Faces]:
    """Read splits of a data set.

    Args:
        path: `fer2013.csv`, plain or as .gz, .bz2, .xz or .zip; or a folder `<split>/<label>/*.jpg|png`.
        splits: which of `SPLITS` to read; None for those that the data set has.
        votes: FER+'s `fer2013new.csv` for the same rows in the same order; only with a CSV.
        progress: called now and then with the number of bytes or files that were read, and of all.
        on_bad: called with one line for each bad row or image that is left out.

    Returns:
        Split name to faces; each split has at least one face, and all have the same labels.

    Raises:
        DataError: the data set is missing or of another kind, more than 1 % of the rows or images are bad, the votes
            belong to other rows, or a split is empty.
    """
    path, votes = Path(path), None if votes is None else Path(votes)
    check_exists(path)
    names = SPLITS if splits is None else splits
    if path.is_dir():
        if votes is not None:
            raise DataError("--votes is for fer2013.csv: a folder of images has no row order to match")
        found = read_folder(path, names, progress, BadRecords(path, "images", on_bad))
    else:
        found = read_csv(path, names, votes, progress, BadRecords(path, "rows", on_bad))
    missing = [split for split in names if not len(found[split])]
    if missing and (splits is not None or len(missing) == len(names)):
        raise DataError(f"{path} has no {missing[0]} faces: expected at least one")
    return {split: found[split] for split in names if split not in missing}


def check_exists(path: Path) -> None:
    """Check that a data set, or a file that belongs to one, exists.

    Raises:
        DataError: it does not exist, or is a model.
    """
    if path.suffix in MODEL_SUFFIXES or (path / "saved_model.pb").exists():
        raise DataError(f"{path} is a model: expected a data set, fer2013.csv (.gz .bz2 .xz .zip) or a folder of faces")
    if not path.exists():
        raise DataError(f"no data set at {path}: expected fer2013.csv (.gz .bz2 .xz .zip) or a folder")
