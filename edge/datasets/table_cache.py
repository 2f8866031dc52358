"""Keeps the faces of a large `fer2013.csv` in the cache folder: unpacking and parsing the file takes many seconds."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.datasets.faces import SPLITS
from edge.errors import WrongUseError
from edge.inference.contract import INPUT_SIZE
from edge.system.atomic_files import replacing
from edge.system.cache import cache_folder
from edge.system.hashing import sha256_of
from edge.system.regular_files import open_regular

#: The Usage of a row that names no split.
UNKNOWN = len(SPLITS)
#: Smaller tables are read as fast without a cache; of larger ones the cache would be a burden on the disk. FER-2013 has
#: 35,887 faces.
MIN_FACES, MAX_FACES = 5_000, 200_000
#: Number of data sets that are kept.
MAX_TABLES = 4
#: In the name of each file; increased when the content changes.
_VERSION = 1


@dataclass(frozen=True)
class SplitRows:
    """The good rows of one split.

    Attributes:
        images: `(n, 48, 48)` uint8.
        class_ids: `(n,)` int64, FER-2013's codes.
        rows: `(n,)` int64, the number of each row in the file, without the header and blank lines.
    """

    images: npt.NDArray[np.uint8]
    class_ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """A parsed `fer2013.csv`.

    Attributes:
        splits: split name to its rows.
        usages: `(all rows,)` uint8, position of each row's split in `SPLITS`; `UNKNOWN` for one without.
        bad: number of each bad row, and what is wrong with it, ascending.
    """

    splits: dict[str, SplitRows]
    usages: npt.NDArray[np.uint8]
    bad: Sequence[tuple[int, str]]


@dataclass(frozen=True)
class TableCache:
    """The place of one table in the cache, by the SHA-256 of the file.

    Attributes:
        path: the file with the parsed table; it need not exist.
    """

    path: Path

    @classmethod
    def of(cls, table: Path) -> TableCache | None:
        """Return the place of a table; None where there is no cache folder, or the file cannot be read."""
        try:
            return cls(cache_folder() / "datasets" / f"{sha256_of(table)}-{_VERSION}.npz")
        except (OSError, WrongUseError):
            return None

    def load(self, splits: Sequence[str]) -> Table | None:
        """Return some splits of the table; None if it is not in the cache, or not as a whole."""
        try:
            with open_regular(self.path) as stream, np.load(stream, allow_pickle=False) as arrays:
                rows = {split: _read_split(arrays, split) for split in splits}
                bad = [(int(row), str(line)) for row, line in json.loads(arrays["bad"].tobytes())]
                usages = arrays["usages"]
            # The one that was used last is removed last.
            os.utime(self.path)
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Table(rows, usages, bad)

    def store(self, table: Table) -> None:
        """Put a table of all splits into the cache, if it is worth it and there is space."""
        n_faces = sum(len(part.rows) for part in table.splits.values())
        if not MIN_FACES <= n_faces <= MAX_FACES or set(table.splits) != set(SPLITS):
            return
        arrays: dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.int64]] = {
            "usages": table.usages,
            "bad": np.frombuffer(json.dumps(table.bad).encode(), np.uint8),
        }
        for split, part in table.splits.items():
            arrays |= {f"{split}-images": part.images, f"{split}-class_ids": part.class_ids, f"{split}-rows": part.rows}
        with contextlib.suppress(OSError):
            # It shows people.
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(self.path) as temporary, temporary.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
            for old in sorted(self.path.parent.glob("*.npz"), key=_modified)[:-MAX_TABLES]:
                old.unlink(missing_ok=True)


def _read_split(arrays: np.lib.npyio.NpzFile, split: str) -> SplitRows:
    part = SplitRows(arrays[f"{split}-images"], arrays[f"{split}-class_ids"], arrays[f"{split}-rows"])
    if part.images.shape != (len(part.rows), INPUT_SIZE, INPUT_SIZE) or part.class_ids.shape != part.rows.shape:
        raise ValueError(f"{split} is damaged")
    return part


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        # Another process has removed it.
        return 0.0
