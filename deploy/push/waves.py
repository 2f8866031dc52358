"""Reads which hosts come when: waves such as `1,10%,100%`, and a file of hosts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from edge.errors import WrongUseError, shown
from edge.system.regular_files import read_regular

#: Of a file of hosts: 64 bytes each for 16,000 of them.
_MAX_BYTES = 1 << 20


def parse_waves(text: str) -> tuple[float, ...]:
    """Read waves.

    Args:
        text: how many hosts shall be done after each wave, separated by commas: numbers, or shares of all with `%`.

    Returns:
        The waves; a number of hosts is positive, a share negative.

    Raises:
        WrongUseError: it is none, or the waves do not grow.
    """
    waves = []
    for part in text.split(","):
        number = part.strip().removesuffix("%")
        is_share = part.strip().endswith("%")
        if not (number.isascii() and number.isdecimal() and 0 < int(number) <= (100 if is_share else 1_000_000)):
            raise WrongUseError(f"--waves {shown(text)}: expected numbers or shares of hosts, such as 1,10%,100%")
        waves.append(-float(number) if is_share else float(number))
    return tuple(waves)


def split_waves(hosts: Sequence[str], waves: Sequence[float]) -> list[Sequence[str]]:
    """Divide hosts into waves.

    Args:
        hosts: their names.
        waves: as from `parse_waves`; a share is rounded up to whole hosts, and all hosts that remain are the last wave.

    Returns:
        The hosts of each wave; none is empty.
    """
    parts, begin = [], 0
    for wave in (*waves, -100.0):
        end = min(len(hosts), math.ceil(-wave * len(hosts) / 100) if wave < 0 else int(wave))
        if end > begin:
            parts.append(hosts[begin:end])
            begin = end
    return parts


def read_hosts(path: Path) -> tuple[str, ...]:
    """Read a file of hosts, one on each line; empty lines, and what follows a `#`, do not count.

    Raises:
        WrongUseError: it cannot be read, has no host, or more than a name on a line.
    """
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise WrongUseError(f"cannot read the hosts {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise WrongUseError(f"{path}: expected a text file with one host on each line") from error
    hosts = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if len(words) > 1:
            raise WrongUseError(f"{path}, line {number}: expected one host, as ssh takes it, on each line")
        hosts += words
    if not hosts:
        raise WrongUseError(f"{path} has no host: expected one on each line")
    return tuple(hosts)
