"""When a file of events is rotated, and how many old files are kept."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import WrongUseError
from edge.sinks.sink_uri import SinkUri

#: How many old files are kept by default.
KEEP = 5
_UNITS = {"kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
#: A file for only a few events must be a mistake.
_MIN_SIZE_BYTES = 10_000


@dataclass(frozen=True)
class Rotation:
    """Renames `events.jsonl` to `events.jsonl.1`, the former `.1` to `.2`, and so on; the oldest file is deleted.

    Attributes:
        size_bytes: no file grows beyond this size, unless a single line is longer.
        keep: how many old files are kept.
    """

    size_bytes: int
    keep: int = KEEP

    @classmethod
    def from_options(cls, uri: SinkUri) -> Rotation | None:
        """Read the options `rotate=SIZE&keep=N`; None without them.

        Raises:
            WrongUseError: a value is not what was expected.
        """
        if "rotate" not in uri.options:
            if "keep" in uri.options:
                raise WrongUseError(
                    f"keep of sink {uri.name} is the number of old files to keep: expected rotate=SIZE too"
                )
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?b)", uri.options["rotate"].lower())
        size_bytes = int(float(match[1]) * _UNITS[match[2]]) if match else 0
        if size_bytes < _MIN_SIZE_BYTES:
            raise uri.invalid_option("rotate", "a size of at least 10kB, such as 500kB, 10MB or 1GiB")
        return cls(size_bytes, uri.integer("keep", KEEP, 1, 1000))

    def shift(self, path: Path) -> None:
        """Rename `path` and the older files; delete those beyond `keep`, also those of an earlier, larger `keep`."""
        for number in itertools.count(self.keep):
            older = _numbered(path, number)
            if not older.exists():
                # No file may have the number `keep` yet; beyond it, a gap is the end.
                if number > self.keep:
                    break
                continue
            older.unlink()
        for number in range(self.keep - 1, 0, -1):
            if (older := _numbered(path, number)).exists():
                older.replace(_numbered(path, number + 1))
        path.replace(_numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
