"""The layout of a folder of faces: which images belong to which split and class.

A class is a folder of images, `<split>/<label>/*.jpg|png|bmp|webp`. AffectNet, as its authors distribute it, has a
folder `images` in each split instead, and in `annotations` the number of the class of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.datasets.annotations import annotated_images, has_annotations
from edge.datasets.class_names import AFFECTNET_LABELS, label_of, names_by_folder
from edge.errors import DataError
from edge.images import image_files
from edge.inference.contract import EIGHT_LABELS

_FOLDER_SPLITS = {
    "training": "Training",
    "train": "Training",
    "train_set": "Training",
    "publictest": "PublicTest",
    "test": "PublicTest",
    "test_set": "PublicTest",
    "val": "PublicTest",
    "valid": "PublicTest",
    "validation": "PublicTest",
    "val_set": "PublicTest",
    "privatetest": "PrivateTest",
}
#: Where one of these exists, `test` is PrivateTest.
_VALIDATION = {"val", "valid", "validation", "val_set"}
_TEST = {"test", "test_set"}


@dataclass(frozen=True)
class FolderLayout:
    """Where the images of a data set are.

    Attributes:
        path: the folder.
        labels: the classes of all splits: those of the contract in its order, then all others in alphabetical order.
        splits: split name to its folder.
        names: name of a class folder, or number in an annotation, to its label.
    """

    path: Path
    labels: tuple[str, ...]
    splits: dict[str, Path]
    names: dict[str, str]

    @classmethod
    def of(cls, path: Path, class_names: Sequence[str] = (), *, has_validation: bool = True) -> FolderLayout:
        """Find the splits and classes of a folder.

        Args:
            path: the folder.
            class_names: names of the classes whose folders are numbers; empty where folders have names.
            has_validation: False if validation faces are to be drawn from Training: `test` is then PrivateTest, and
                a folder of classes without splits is Training.

        Raises:
            DataError: the folder has another layout or fewer than two classes, or the names do not fit the folders.
        """
        splits = _split_folders(path, has_validation)
        names = _names(path, splits, class_names)
        return cls(path, _labels(path, splits, set(names.values())), splits, names)

    def files(self, split: str) -> list[tuple[Path, int]]:
        """Return the images of a split, each with its class, a position in `labels`.

        Raises:
            DataError: an annotation cannot be read.
        """
        folder = self.splits.get(split)
        if folder is None:
            return []
        if has_annotations(folder):
            return [
                (file, self.labels.index(self.names[number]))
                for file, number in annotated_images(folder)
                if number in self.names
            ]
        return [
            (file, self.labels.index(self.names[inner.name]))
            for inner in _folders(folder)
            for file in image_files(inner)
        ]


def _names(path: Path, splits: dict[str, Path], class_names: Sequence[str]) -> dict[str, str]:
    """Return name of each class folder, or number in an annotation, to its label."""
    if any(has_annotations(folder) for folder in splits.values()):
        return dict(zip(map(str, range(len(AFFECTNET_LABELS))), class_names or AFFECTNET_LABELS, strict=False))
    folders = {inner.name for folder in splits.values() for inner in _folders(folder)}
    if class_names:
        return names_by_folder(path, folders, class_names)
    return {name: label_of(name) for name in folders}


def _split_folders(path: Path, has_validation: bool) -> dict[str, Path]:
    """Return split name to folder. If there is a `val`, `test` is PrivateTest, as in train/val/test layouts."""
    root = path
    # Archives often wrap everything in one more folder.
    while not (named := [p for p in _folders(root) if p.name.lower() in _FOLDER_SPLITS]):
        inside = _folders(root)
        if len(inside) > 1 and not has_validation:
            return {"Training": root}
        if len(inside) != 1:
            raise DataError(
                f"{path} has no folder named train or test{_list_of(inside)}: expected train/<label>/*.jpg or *.png, "
                "and test/ or validation/ like it; or, with --val-split, <label>/*.jpg"
            )
        root = inside[0]
    keeps_test = not has_validation or bool({p.name.lower() for p in named} & _VALIDATION)
    folders: dict[str, Path] = {}
    for folder in named:
        name = folder.name.lower()
        split = "PrivateTest" if name in _TEST and keeps_test else _FOLDER_SPLITS[name]
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


def _labels(path: Path, folders: dict[str, Path], names: set[str]) -> tuple[str, ...]:
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


def _folders(folder: Path) -> list[Path]:
    """Return the subfolders, sorted, without those that editors, file managers and archivers leave behind."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))
