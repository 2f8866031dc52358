"""Folders of images: `<split>/<label>/*.jpg|png|bmp|webp`, of any size, grayscale or color."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.datasets.bad_records import BadRecords
from edge.datasets.faces import Faces, Progress
from edge.datasets.image_store import FaceStore
from edge.errors import DataError
from edge.images import image_files, read_image
from edge.inference.contract import EIGHT_LABELS, canonical_label, preprocess

_FOLDER_SPLITS = {
    "training": "Training",
    "train": "Training",
    "publictest": "PublicTest",
    "test": "PublicTest",
    "val": "PublicTest",
    "valid": "PublicTest",
    "validation": "PublicTest",
    "privatetest": "PrivateTest",
}


def read_folder(
    path: Path, splits: Sequence[str], progress: Progress | None, bad_records: BadRecords
) -> dict[str, Faces]:
    """Read splits of a folder. The labels are those of all its splits together.

    Args:
        path: the folder.
        splits: names of the splits to read.
        progress: called with the number of files that were read, and of all files.
        bad_records: collects the images that cannot be read.

    Returns:
        Split name to faces.

    Raises:
        DataError: the folder has another layout or fewer than two classes, or too many of its images cannot be read.
    """
    folders = _split_folders(path)
    labels = _labels(path, folders)
    todo = {split: _labeled_files(folders[split], labels) if split in folders else [] for split in splits}
    done, total = 0, sum(len(files) for files in todo.values())
    found = {}
    for split, files in todo.items():
        images = FaceStore()
        class_ids: list[int] = []
        rows: list[int] = []
        names: list[str] = []
        for row, (file, class_id) in enumerate(files):
            done += 1
            if progress and (done % 500 == 0 or done == total):
                progress(done, total)
            try:
                image_gray = read_image(file, cv2.IMREAD_GRAYSCALE)
            except DataError as error:
                bad_records.add(str(error))
                continue
            images.append(preprocess(image_gray)[0, :, :, 0])
            class_ids.append(class_id)
            rows.append(row)
            names.append(file.relative_to(path).as_posix())
        found[split] = Faces(
            images.array(),
            np.array(class_ids, np.int64),
            np.array(rows, np.int64),
            labels,
            files=np.array(names, np.str_),
        )
    bad_records.check(total)
    return found


def _split_folders(path: Path) -> dict[str, Path]:
    """Return split name to folder. If there is a `val`, `test` is PrivateTest, as in train/val/test layouts."""
    root = path
    # Archives often wrap everything in one more folder.
    while not (named := [p for p in _folders(root) if p.name.lower() in _FOLDER_SPLITS]):
        inside = _folders(root)
        if len(inside) != 1:
            raise DataError(
                f"{path} has no folder named train or test{_list_of(inside)}: expected train/<label>/*.jpg or *.png, "
                "and test/ or validation/ like it"
            )
        root = inside[0]
    has_val = bool({p.name.lower() for p in named} & {"val", "valid", "validation"})
    folders: dict[str, Path] = {}
    for folder in named:
        name = folder.name.lower()
        split = "PrivateTest" if name == "test" and has_val else _FOLDER_SPLITS[name]
        if split in folders:
            raise DataError(f"{root} has {folders[split].name} and {folder.name}, both {split}: expected one of them")
        same = [other.name for other in folders.values() if other.samefile(folder)]
        if same:
            raise DataError(
                f"{root} has {same[0]} and {folder.name}, which are the same folder: expected one folder for each split"
            )
        folders[split] = folder
    return folders


def _list_of(folders: list[Path]) -> str:
    names = [p.name for p in folders[:4]] + ["..."] * (len(folders) > 4)
    return f", it has {', '.join(names)}" if names else ""


def _labels(path: Path, folders: dict[str, Path]) -> tuple[str, ...]:
    """Return the classes of all splits: those of the contract in its order, then all others in alphabetical order."""
    names = {_label(p.name) for folder in folders.values() for p in _folders(folder)}
    others = sorted(names - set(EIGHT_LABELS))
    for name in others:
        # Labels reach terminals, metrics and tables; a model card rejects such a label too.
        if not name.isprintable():
            raise DataError(f"{path} has the class {name!a}: expected a folder with a printable name")
    for name in others:
        spellings = [other for other in others if other.lower() == name.lower()]
        if len(spellings) > 1:
            raise DataError(f"{path} has the classes {' and '.join(spellings)}: expected one spelling of a class")
    labels = (*(label for label in EIGHT_LABELS if label in names), *others)
    if len(labels) < 2:
        raise DataError(
            f"{path} has {'one class, ' + labels[0] if labels else 'no classes'}: expected at least two folders in "
            + " and ".join(f"{folder.name}/" for folder in folders.values())
        )
    return labels


def _label(name: str) -> str:
    try:
        return canonical_label(name)
    except DataError:
        return name


def _labeled_files(folder: Path, labels: tuple[str, ...]) -> list[tuple[Path, int]]:
    return [(file, labels.index(_label(p.name))) for p in _folders(folder) for file in image_files(p)]


def _folders(folder: Path) -> list[Path]:
    """Return the subfolders, sorted, without those that editors, file managers and archivers leave behind."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))
