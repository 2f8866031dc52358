"""Parses TOML from files that somebody names."""

from __future__ import annotations

import tomllib
from typing import Any

#: `tomllib` needs time with the square of the parts of a dotted key: seconds for a key of 12 KB, hours for one of 1 MB.
_MAX_DOTS_PER_LINE = 200


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text holds, as `tomllib.loads` does.

    Raises:
        ValueError: it is not TOML (`tomllib.TOMLDecodeError`), a line has more than 200 dots, or a number has thousands
            of digits.
        RecursionError: thousands of brackets are nested.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if (dots := line.count(".")) > _MAX_DOTS_PER_LINE:
            raise ValueError(f"line {number} has {dots} dots: expected at most {_MAX_DOTS_PER_LINE}")
    return tomllib.loads(text)
