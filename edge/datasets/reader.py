"""Readers for labelled faces: FER-2013's CSV in any compression, folders of images, FER+ votes.

Splits keep FER-2013's names: `Training` to fit and calibrate, `PublicTest` to choose, `PrivateTest` to
report. A folder's `train/` is Training, its `val/`, `valid/` or `validation/` is PublicTest; its `test/` is
PublicTest where there is none of these, and PrivateTest beside one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.datasets.bad_records import BadRecords
from edge.datasets.faces import SPLITS, Faces, Progress
from edge.datasets.fer2013 import read_csv
from edge.datasets.image_folders import read_folder
from edge.errors import DataError

__all__ = ["SPLITS", "Faces", "Progress", "read_faces"]


def read_faces(
    path: Path,
    splits: Sequence[str] | None = SPLITS,
    *,
    votes: Path | None = None,
    progress: Progress | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> dict[str, Faces]:
    """Read the named splits of a data set.

    Args:
        path: `fer2013.csv`, as it is or as .gz, .bz2, .xz or .zip; or a folder `<split>/<label>/*.jpg|png`.
        splits: which of `SPLITS` to read; None for those that the set has.
        votes: FER+'s `fer2013new.csv` for the same rows in the same order; only with a CSV.
        progress: told now and then how far reading has come.
        on_bad: told in one line of each row or image that is left out because it is bad.

    Returns:
        One `Faces` a split, each with at least one face; all with the same labels.

    Raises:
        DataError: the file is missing or not of that kind, more than 1 % of the rows or images are bad, the
            votes are those of other rows, or a split is empty.
    """
    check_there(path)
    wanted = SPLITS if splits is None else splits
    if path.is_dir():
        if votes is not None:
            raise DataError("--votes belongs to fer2013.csv: a folder of images has no row order to match")
        found = read_folder(path, wanted, progress, BadRecords(path, "images", on_bad))
    else:
        found = read_csv(path, wanted, votes, progress, BadRecords(path, "rows", on_bad))
    missing = [split for split in wanted if not len(found[split])]
    if missing and (splits is not None or len(missing) == len(wanted)):
        raise DataError(f"{path} has no {missing[0]} faces: expected at least one")
    return {split: found[split] for split in wanted if split not in missing}


def check_there(path: Path) -> None:
    """See to it that a data set, or a file that belongs to one, is there.

    Raises:
        DataError: it is not.
    """
    if not path.exists():
        raise DataError(f"no data set at {path}: expected fer2013.csv (.gz .bz2 .xz .zip) or a folder")
