"""Readers for labelled faces: FER-2013's CSV in any compression, folders of images, FER+ votes.

Splits keep FER-2013's names: `Training` to fit and calibrate, `PublicTest` to choose, `PrivateTest` to
report. A folder's `train/` is Training, its `val/`, `valid/` or `validation/` is PublicTest; its `test/` is
PublicTest where there is none of these, and PrivateTest beside one.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.contract import FER2013_LABELS, INPUT_SIZE, canonical_label, preprocess
from edge.errors import DataError
from edge.images import image_files, read_image

SPLITS = ("Training", "PublicTest", "PrivateTest")

#: FER+'s columns as its authors name them, in our order; `unknown` and `NF` (not a face) are left out.
_FERPLUS_COLUMNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
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
_PIXELS = INPUT_SIZE * INPUT_SIZE

#: Called with (bytes or files done, all of them), for a progress bar.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Faces:
    """One split of a data set.

    Attributes:
        images: `(n, 48, 48)` uint8, grey.
        class_ids: `(n,)` int64, positions in `labels`.
        rows: `(n,)` int64, position of each face in the file or sorted folder it came from.
        labels: class names in the contract's order.
        votes: `(n, 8)` uint8 FER+ votes in the order of `EIGHT_LABELS`, or None.
        targets: `(n, len(labels))` float32, how probable each class is, rows sum to 1; None where only
            `class_ids` is known.
    """

    images: npt.NDArray[np.uint8]
    class_ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    votes: npt.NDArray[np.uint8] | None = None
    targets: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: npt.NDArray[np.int64]) -> Faces:
        """The faces at `positions`, in that order."""
        votes = None if self.votes is None else self.votes[positions]
        targets = None if self.targets is None else self.targets[positions]
        images, class_ids, rows = self.images[positions], self.class_ids[positions], self.rows[positions]
        return Faces(images, class_ids, rows, self.labels, votes, targets)

    def sample(self, n: int | None, seed: int) -> Faces:
        """`n` faces drawn at random without replacement, in file order; all of them where n is None."""
        if n is None or n >= len(self):
            return self
        chosen = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return self.take(np.sort(chosen).astype(np.int64))


def read_faces(
    path: Path,
    splits: Sequence[str] = SPLITS,
    *,
    votes: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Faces]:
    """Read the named splits of a data set.

    Args:
        path: `fer2013.csv`, as it is or as .gz, .bz2, .xz or .zip; or a folder `<split>/<label>/*.jpg|png`.
        splits: which of `SPLITS` to read.
        votes: FER+'s `fer2013new.csv` for the same rows in the same order; only with a CSV.
        progress: told now and then how far reading has come.

    Returns:
        One `Faces` a split, each with at least one face.

    Raises:
        DataError: the file is missing or not of that kind, a row is bad, or a split is empty.
    """
    if not path.exists():
        raise DataError(f"no data set at {path}: expected fer2013.csv (.gz .bz2 .xz .zip) or a folder")
    if path.is_dir():
        if votes is not None:
            raise DataError("--votes belongs to fer2013.csv: a folder of images has no row order to match")
        found = _read_folder(path, splits, progress)
    else:
        found = _read_csv(path, splits, votes, progress)
    for split in splits:
        if not len(found[split]):
            raise DataError(f"{path} has no {split} faces: expected at least one")
    return found


# --- fer2013.csv ----------------------------------------------------------------------------------------


def _open_bytes(path: Path, raw: BinaryIO) -> BinaryIO:
    """The decompressed stream of an opened data file; chosen by its first bytes, not by its name."""
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", gzip.open(raw))
    if magic.startswith(b"BZh"):
        return cast("BinaryIO", bz2.open(raw))
    if magic.startswith(b"\xfd7zXZ"):
        return cast("BinaryIO", lzma.open(raw))
    if magic.startswith(b"PK"):
        archive = zipfile.ZipFile(raw)
        names = [n for n in archive.namelist() if n.lower().endswith(".csv")]
        named = [n for n in names if Path(n).name == "fer2013.csv"] or names
        if len(named) != 1:
            raise DataError(f"{path} holds {len(names)} CSV files: expected one, or one named fer2013.csv")
        return cast("BinaryIO", archive.open(named[0]))
    return raw


def _csv_lines(path: Path, progress: Progress | None) -> Iterator[bytes]:
    size = path.stat().st_size
    try:
        with path.open("rb") as raw, _open_bytes(path, raw) as stream:
            for number, line in enumerate(stream):
                if progress and number % 500 == 0:
                    progress(raw.tell(), size)
                yield line.rstrip(b"\r\n")
        if progress:
            progress(size, size)
    except (
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ) as error:
        # All that gzip, bz2, lzma and zipfile raise for a damaged, encrypted or unknown archive.
        raise DataError(f"cannot read {path}: {error}") from error


def _read_csv(
    path: Path, splits: Sequence[str], votes_path: Path | None, progress: Progress | None
) -> dict[str, Faces]:
    lines = _csv_lines(path, progress)
    header = next(lines, b"").decode("utf-8-sig", "replace")
    if [name.strip() for name in header.split(",")] != ["emotion", "pixels", "Usage"]:
        raise DataError(f"{path} starts with {header[:60]!r}: expected the header emotion,pixels,Usage")
    votes = None if votes_path is None else _read_votes(votes_path)
    pixels: dict[str, list[npt.NDArray[np.uint8]]] = {split: [] for split in SPLITS}
    class_ids: dict[str, list[int]] = {split: [] for split in SPLITS}
    rows: dict[str, list[int]] = {split: [] for split in SPLITS}
    with warnings.catch_warnings():
        # numpy announces text that is no number as a DeprecationWarning: for us it is a bad row.
        warnings.simplefilter("error", DeprecationWarning)
        row = -1
        for number, line in enumerate(lines, start=2):
            if not line:
                continue
            row += 1
            code, _, rest = line.partition(b",")
            text, _, usage_bytes = rest.rpartition(b",")
            usage = usage_bytes.strip().decode("utf-8", "replace")
            where = f"{path}, line {number}"
            if usage not in SPLITS:
                raise DataError(f"{where}: Usage is {usage[:40]!r}: expected one of {', '.join(SPLITS)}")
            if votes is not None and (row >= len(votes[0]) or votes[0][row] != usage):
                raise DataError(f"{votes_path} does not match {path} at row {row + 1}: other or fewer rows")
            if code.strip() not in _CODES:
                raise DataError(f"{where}: emotion is {code[:20].decode('utf-8', 'replace')!r}: expected 0..6")
            if usage in splits:
                pixels[usage].append(_parse_pixels(text, where))
                class_ids[usage].append(_CODES[code.strip()])
                rows[usage].append(row)
    if votes is not None and row + 1 != len(votes[0]):
        raise DataError(f"{votes_path} has {len(votes[0])} rows, {path} has {row + 1}: expected as many")
    return {
        split: Faces(
            np.array(pixels[split], np.uint8).reshape(-1, INPUT_SIZE, INPUT_SIZE),
            np.array(class_ids[split], np.int64),
            np.array(rows[split], np.int64),
            FER2013_LABELS,
            None if votes is None else votes[1][rows[split]],
        )
        for split in splits
    }


_CODES = {str(code).encode(): code for code in range(len(FER2013_LABELS))}


def _parse_pixels(text: bytes, where: str) -> npt.NDArray[np.uint8]:
    try:
        values = np.fromstring(text.strip(b'" ').decode("ascii", "replace"), np.int64, sep=" ")
    except (DeprecationWarning, ValueError):
        raise DataError(f"{where}: pixels hold something that is no number: expected 2304 of 0..255") from None
    if values.size != _PIXELS:
        raise DataError(f"{where}: {values.size} pixels: expected {_PIXELS} (48 x 48)")
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"{where}: pixels from {values.min()} to {values.max()}: expected 0..255")
    return values.astype(np.uint8)


def _read_votes(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """FER+'s `fer2013new.csv`: each row's Usage, and `(n, 8)` uint8 votes in our order."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    usages: list[str] = []
    votes: list[list[int]] = []
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        missing = {"Usage", *_FERPLUS_COLUMNS} - set(table.fieldnames or ())
        if missing:
            raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}: expected FER+'s header")
        for row in table:
            usages.append(row["Usage"])
            votes.append([int(row[column]) for column in _FERPLUS_COLUMNS])
        counts = np.array(votes, np.uint8)
    except (TypeError, ValueError, OverflowError, csv.Error) as error:
        where = f"{path}, row {len(usages)}"
        raise DataError(f"{where}: expected a whole number of votes, 0..255, in each column ({error})") from error
    return usages, counts.reshape(-1, len(_FERPLUS_COLUMNS))


# --- folders --------------------------------------------------------------------------------------------


def _read_folder(path: Path, splits: Sequence[str], progress: Progress | None) -> dict[str, Faces]:
    folders = _split_folders(path)
    if not folders:
        raise DataError(f"{path} has no folder named train or test: expected <split>/<label>/*.jpg or *.png")
    names: set[str] = set()
    for folder in folders.values():
        names |= {canonical_label(p.name) for p in _label_folders(folder)}
    labels = FER2013_LABELS if "contempt" not in names else (*FER2013_LABELS, "contempt")
    todo = {split: _labelled_files(folders[split], labels) if split in folders else [] for split in splits}
    done, total = 0, sum(len(files) for files in todo.values())
    found = {}
    for split, files in todo.items():
        images = np.empty((len(files), INPUT_SIZE, INPUT_SIZE), np.uint8)
        for i, (file, _) in enumerate(files):
            images[i] = preprocess(read_image(file, cv2.IMREAD_GRAYSCALE))[0, :, :, 0]
            done += 1
            if progress and (done % 500 == 0 or done == total):
                progress(done, total)
        class_ids = np.array([class_id for _, class_id in files], np.int64)
        found[split] = Faces(images, class_ids, np.arange(len(files), dtype=np.int64), labels)
    return found


def _split_folders(path: Path) -> dict[str, Path]:
    """Split to folder. Beside a `val` a `test` is PrivateTest, as in train/val/test layouts."""
    named = {p.name.lower(): p for p in sorted(path.iterdir()) if p.is_dir() and p.name.lower() in _FOLDER_SPLITS}
    has_val = bool(named.keys() & {"val", "valid", "validation"})
    folders: dict[str, Path] = {}
    for name, folder in named.items():
        split = "PrivateTest" if name == "test" and has_val else _FOLDER_SPLITS[name]
        if split in folders:
            raise DataError(f"{path} has {folders[split].name} and {folder.name}, both {split}: expected one of them")
        folders[split] = folder
    return folders


def _labelled_files(folder: Path, labels: tuple[str, ...]) -> list[tuple[Path, int]]:
    return [
        (file, labels.index(canonical_label(label_folder.name)))
        for label_folder in _label_folders(folder)
        for file in image_files(label_folder)
    ]


def _label_folders(folder: Path) -> list[Path]:
    """One folder a class; those that editors and file managers hide are none."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
