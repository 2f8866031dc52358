"""Names of classes whose folders are numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from edge.errors import DataError, WrongUseError
from edge.inference.contract import FER2013_LABELS, canonical_label

#: The numbers of AffectNet's eight expressions, 0 to 7 (Mollahosseini et al., 2017, table 3).
AFFECTNET_LABELS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
#: Data sets whose folders are numbers, to the classes in the order of the numbers. RAF-DB counts from 1 (Li et al.,
#: 2017); FER+'s order is that of the columns of fer2013new.csv.
NUMBERED = {
    "affectnet": AFFECTNET_LABELS,
    "fer2013": FER2013_LABELS,
    "ferplus": ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    "raf-db": ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
}


def parse_class_names(text: str) -> tuple[str, ...]:
    """Parse the names of numbered classes.

    Args:
        text: a key of `NUMBERED`, or the names in the order of the numbers, separated by commas.

    Returns:
        The names; those of known expressions as mien spells them.

    Raises:
        WrongUseError: there are fewer than two names, one is empty, is a number, cannot be printed, or occurs twice.
    """
    if text in NUMBERED:
        return NUMBERED[text]
    names = tuple(label_of(name.strip()) for name in text.split(","))
    if len(names) < 2:
        raise WrongUseError(f"{text!r}: expected names separated by commas, or one of {', '.join(NUMBERED)}")
    for name in names:
        if not name or name.isdigit() or not name.isprintable():
            raise WrongUseError(f"{text!r} contains {name!r}: expected names, separated by commas")
        if names.count(name) > 1:
            raise WrongUseError(f"{text!r} contains {name} twice: expected each name once")
    return names


def names_by_folder(path: Path, folders: Collection[str], names: Sequence[str]) -> dict[str, str]:
    """Match folders that are numbers with the names of their classes.

    Args:
        path: the data set, for messages.
        folders: names of the folders, such as `0` or `07`.
        names: names of the classes. The first belongs to folder 0, or to folder 1 if there is no folder 0 and the last
            number is the number of the names.

    Raises:
        DataError: a folder is not a number, or the numbers do not fit the names.
    """
    other = sorted(folder for folder in folders if not (folder.isascii() and folder.isdigit()))
    if other:
        raise DataError(f"{path} has the folder {other[0]!a}: --class-names is for folders that are numbers")
    numbers = {int(folder) for folder in folders}
    first = 0 if 0 in numbers else 1
    if not numbers or max(numbers) >= first + len(names) or (first == 1 and len(names) not in numbers):
        raise DataError(
            f"{path} has the folders {', '.join(map(str, sorted(numbers)[:12])) or 'of no class'}: expected 0 to "
            f"{len(names) - 1} or 1 to {len(names)} for the {len(names)} names in --class-names"
        )
    return {folder: names[int(folder) - first] for folder in folders}


def label_of(name: str) -> str:
    """Return mien's label for the name of a known expression; any other name as it is."""
    try:
        return canonical_label(name)
    except DataError:
        return name
