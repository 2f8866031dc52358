"""FER-2013's CSV, plain or compressed: `emotion,pixels,Usage`, one face per row."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from edge.datasets.bad_records import MAX_BAD, BadRecords
from edge.datasets.faces import SPLITS, Faces, Progress
from edge.datasets.ferplus import read_votes
from edge.datasets.image_store import FaceStore
from edge.datasets.table_cache import UNKNOWN, SplitRows, Table, TableCache
from edge.errors import DataError, first_line
from edge.inference.contract import FER2013_LABELS, INPUT_SIZE
from edge.system.regular_files import open_regular

_PIXELS = INPUT_SIZE * INPUT_SIZE
_CODES = {str(code).encode(): code for code in range(len(FER2013_LABELS))}

#: A face is 2,304 numbers of up to three digits. A compressed file of few bytes may hold a line of gigabytes.
_MAX_LINE_BYTES = 65_536
#: FER-2013 unpacks to about three times its compressed size, and drawings to twenty times.
_MAX_RATIO, _MARGIN_BYTES = 100, 32 << 20
#: More than a file whose every other line is blank has.
_MAX_BLANK_LINES = 100_000


def read_csv(
    path: Path, splits: Sequence[str], votes_path: Path | None, progress: Progress | None, bad_records: BadRecords
) -> dict[str, Faces]:
    """Read splits of a `fer2013.csv`, from the cache if the same file was read before.

    Args:
        path: the file.
        splits: names of the splits to read.
        votes_path: FER+'s `fer2013new.csv`; None for no votes.
        progress: called with the number of bytes that were read, and of all bytes.
        bad_records: collects the bad rows.

    Returns:
        Split name to faces.

    Raises:
        DataError: the file is damaged or has another header, too many rows are bad, or the votes belong to other
            rows.
    """
    usages, votes = (None, None) if votes_path is None else read_votes(votes_path)

    def check_votes(row: int, usage: str) -> None:
        # A bad row has votes too, so it counts. Without a valid Usage it could belong to any split.
        if usages is not None and (row >= len(usages) or (usage in SPLITS and usages[row] != usage)):
            raise DataError(f"{votes_path} does not match {path} at row {row + 1}: other or fewer rows")

    cache = TableCache.of(path)
    table = cache.load(splits) if cache else None
    if table is None:
        # With a cache the other splits are parsed too: the next command will need one of them.
        table = parse(path, SPLITS if cache else splits, progress, check_votes)
        if cache:
            cache.store(table)
    else:
        for row, usage in enumerate(table.usages.tolist()):
            check_votes(row, SPLITS[usage] if usage < len(SPLITS) else "")
    if usages is not None and len(table.usages) != len(usages):
        raise DataError(
            f"{votes_path} has {len(usages)} rows, {path} has {len(table.usages)}: expected the same number"
        )
    asked = np.isin(table.usages, [*(SPLITS.index(split) for split in splits), UNKNOWN])
    for row, line in table.bad:
        if asked[row]:
            bad_records.add(line)
    bad_records.check(int(asked.sum()))
    found = {}
    for split in splits:
        part = table.splits[split]
        part_votes = None if votes is None else votes[part.rows]
        found[split] = Faces(part.images, part.class_ids, part.rows, FER2013_LABELS, part_votes)
    return found


def parse(
    path: Path,
    splits: Sequence[str],
    progress: Progress | None = None,
    check_row: Callable[[int, str], None] | None = None,
) -> Table:
    """Parse a `fer2013.csv`.

    Args:
        path: the file.
        splits: names of the splits whose faces are parsed; the rows of others are only counted.
        progress: called with the number of bytes that were read, and of all bytes.
        check_row: called with the number and the Usage of each row; what it raises ends the parsing.

    Raises:
        DataError: the file is damaged, has another header, or has more bad rows than `MAX_BAD`.
    """
    lines = _lines(path, progress)
    header = next(lines, b"").decode("utf-8-sig", "replace")
    if [name.strip() for name in header.split(",")] != ["emotion", "pixels", "Usage"]:
        raise DataError(f"{path} starts with {header[:60]!r}: expected the header emotion,pixels,Usage")
    images = {split: FaceStore() for split in splits}
    class_ids: dict[str, list[int]] = {split: [] for split in splits}
    rows: dict[str, list[int]] = {split: [] for split in splits}
    usages = bytearray()
    bad: list[tuple[int, str]] = []
    with warnings.catch_warnings():
        # numpy reports text that is not a number as a DeprecationWarning: here it is a bad row.
        warnings.simplefilter("error", DeprecationWarning)
        for number, line in enumerate(lines, start=2):
            if not line:
                continue
            row = len(usages)
            code, _, rest = line.partition(b",")
            text, _, usage_bytes = rest.rpartition(b",")
            usage = usage_bytes.strip().decode("utf-8", "replace")
            usages.append(SPLITS.index(usage) if usage in SPLITS else UNKNOWN)
            if check_row:
                check_row(row, usage)
            if usage in SPLITS and usage not in splits:
                continue
            try:
                class_id, face = _parse(code, text, usage)
            except DataError as error:
                bad.append((row, f"line {number}: {error}"))
                if len(bad) > MAX_BAD:
                    raise DataError(f"{path}: more than {MAX_BAD} rows are bad, the first: {bad[0][1]}") from error
                continue
            images[usage].append(face)
            class_ids[usage].append(class_id)
            rows[usage].append(row)
    return Table(
        {
            split: SplitRows(
                images[split].array(), np.array(class_ids[split], np.int64), np.array(rows[split], np.int64)
            )
            for split in splits
        },
        np.frombuffer(usages, np.uint8),
        bad,
    )


def _parse(code: bytes, pixels: bytes, usage: str) -> tuple[int, npt.NDArray[np.uint8]]:
    """Return the class of a row and its face, `(48, 48)` uint8.

    Raises:
        DataError: the row is bad.
    """
    if usage not in SPLITS:
        raise DataError(f"Usage is {usage[:40]!r}: expected one of {', '.join(SPLITS)}")
    if code.strip() not in _CODES:
        raise DataError(f"emotion is {code[:20].decode('utf-8', 'replace')!r}: expected 0..6")
    try:
        values = np.fromstring(pixels.strip(b'" ').decode("ascii", "replace"), np.int64, sep=" ")
    except (DeprecationWarning, ValueError):
        raise DataError(f"pixels contain text that is not a number: expected {_PIXELS} of 0..255") from None
    if values.size != _PIXELS:
        raise DataError(f"{values.size} pixels: expected {_PIXELS} (48 x 48)")
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"pixels from {values.min()} to {values.max()}: expected 0..255")
    return _CODES[code.strip()], values.astype(np.uint8).reshape(INPUT_SIZE, INPUT_SIZE)


def _lines(path: Path, progress: Progress | None) -> Iterator[bytes]:
    size = path.stat().st_size
    remaining = _MAX_RATIO * size + _MARGIN_BYTES
    try:
        with open_regular(path) as raw, _open_bytes(path, raw) as stream:
            blank = 0
            for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE_BYTES), b"")):
                if len(line) == _MAX_LINE_BYTES:
                    raise DataError(
                        f"{path}: line {number + 1} is longer than {_MAX_LINE_BYTES} bytes: expected a face"
                    )
                remaining -= len(line)
                if remaining < 0:
                    raise DataError(
                        f"{path} unpacks to more than {_MAX_RATIO} times its size of {size} bytes: expected a data set"
                    )
                blank += line in (b"\n", b"\r\n")
                if blank > _MAX_BLANK_LINES:
                    raise DataError(f"{path}: more than {_MAX_BLANK_LINES} lines are blank: expected faces")
                if progress and number % 500 == 0:
                    progress(raw.tell(), size)
                yield line.rstrip(b"\r\n")
        if progress:
            progress(size, size)
    except (
        OSError,
        EOFError,
        UnicodeDecodeError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ) as error:
        # What gzip, bz2, lzma and zipfile raise for a damaged, encrypted or unknown archive.
        raise DataError(f"cannot read {path}: {first_line(error)}") from error


def _open_bytes(path: Path, raw: BinaryIO) -> BinaryIO:
    """Return the decompressed stream of an open file; the format is recognized by its first bytes, not by its name."""
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
