"""When a file of events makes room for a new one, and how many old ones stay."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import WrongUseError
from edge.sinks.sink_uri import SinkUri

#: How many old files stay where nobody says.
KEEP = 5
_UNITS = {"kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
#: Less than a few events a file is a mistake.
_SMALLEST = 10_000


@dataclass(frozen=True)
class Rotation:
    """`events.jsonl` becomes `events.jsonl.1`, that becomes `.2`, and so on; the oldest goes.

    Attributes:
        size_bytes: no file grows beyond this, unless by one single line.
        keep: how many old files stay.
    """

    size_bytes: int
    keep: int = KEEP

    @classmethod
    def of(cls, spec: SinkUri) -> Rotation | None:
        """What `rotate=SIZE&keep=N` asks for; None without it.

        Raises:
            WrongUseError: the values are not what they should be.
        """
        if "rotate" not in spec.options:
            if "keep" in spec.options:
                raise WrongUseError(f"keep of sink {spec.name} says how many old files stay: expected rotate=SIZE too")
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?b)", spec.options["rotate"].lower())
        size_bytes = int(float(match[1]) * _UNITS[match[2]]) if match else 0
        if size_bytes < _SMALLEST:
            raise spec.wrong("rotate", "a size of at least 10kB, such as 500kB, 10MB or 1GiB")
        return cls(size_bytes, spec.number("keep", KEEP, 1, 1000))

    def shift(self, path: Path) -> None:
        """Move `path` and its elders one number up; files beyond `keep` go, also those of an earlier, larger `keep`."""
        for number in itertools.count(self.keep):
            elder = _numbered(path, number)
            if not elder.exists():
                # Nothing in the place of the oldest yet, or nothing beyond it.
                if number > self.keep:
                    break
                continue
            elder.unlink()
        for number in range(self.keep - 1, 0, -1):
            if (elder := _numbered(path, number)).exists():
                elder.replace(_numbered(path, number + 1))
        path.replace(_numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
