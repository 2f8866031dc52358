"""Photographs to measure on: a folder of images by label, or without labels, and the groups that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import DataError, shortened
from edge.images import IMAGE_SUFFIXES, image_files
from edge.inference import EIGHT_LABELS, canonical_label
from edge.system.untrusted_text import printable


@dataclass(frozen=True)
class Photograph:
    """One image file.

    Attributes:
        path: the file.
        name: its path within the data, with `/` between the parts.
        label: the expression that the largest face in it shows; empty if that is unknown.
        groups: column (such as `gender`) to value (such as `female`).
    """

    path: Path
    name: str
    label: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


def find_photographs(data: Path) -> tuple[list[Photograph], list[str]]:
    """List the images of a folder.

    Args:
        data: a folder `<label>/*.jpg|png|bmp|webp`, or one that holds the images themselves, without labels.

    Returns:
        The photographs, by label and name, and one line for each thing in the folder that is not measured.

    Raises:
        DataError: there is no such folder, or it holds neither images nor folders named by expression.
    """
    if not data.is_dir():
        raise DataError(f"{data} is {'a file' if data.exists() else 'missing'}: expected a folder <label>/*.jpg")
    folders, others = _labeled_folders(data)
    loose = image_files(data)
    notes = []
    if folders:
        if others:
            names = printable(shortened(", ".join(others), 200))
            notes.append(f"not measured: {names}, because no expression has such a name")
        if loose:
            notes.append(f"not measured: {_count(len(loose))} beside the folders, without labels")
        found = [
            Photograph(path, path.relative_to(data).as_posix(), label)
            for label in EIGHT_LABELS
            for folder in folders.get(label, ())
            for path in image_files(folder)
        ]
    else:
        found = [Photograph(path, path.name) for path in loose]
        notes.append("the pictures have no labels: only found faces and the distribution of the predictions are known")
    if not found:
        held = f"it has the folders {shortened(', '.join(others), 200)}" if others else "it has none"
        raise DataError(
            f"{data} has no images: expected <label>/*{{{','.join(sorted(IMAGE_SUFFIXES))}}} with labels of "
            f"{', '.join(EIGHT_LABELS)}, or images without labels; {held}"
        )
    return found, notes


def labels_of(photographs: Sequence[Photograph]) -> tuple[str, ...]:
    """Return the labels that occur, in the order of the contract; none if the photographs have no labels."""
    found = {photograph.label for photograph in photographs}
    return tuple(label for label in EIGHT_LABELS if label in found)


def _labeled_folders(data: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Return label to folders (two spellings of a label may be there), and the names of other folders."""
    labeled: dict[str, list[Path]] = {}
    others = []
    for folder in sorted(p for p in data.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX"))):
        try:
            labeled.setdefault(canonical_label(folder.name), []).append(folder)
        except DataError:
            others.append(folder.name)
    return labeled, others


def _count(n: int) -> str:
    return f"{n} picture{'s' * (n != 1)}"
