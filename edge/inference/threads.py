"""How many threads a network runs fastest with on this machine: measured once, then remembered."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from edge.errors import WrongUseError
from edge.system.atomic_files import write_json
from edge.system.board import processor
from edge.system.cache import cache_folder
from edge.system.memory import give_back_memory

logger = logging.getLogger(__name__)

Auto = Literal["auto"]
AUTO: Auto = get_args(Auto)[0]
#: A number of threads, or to be measured.
Threads = int | Auto

MAX_THREADS = 64
CANDIDATES = (1, 2, 4)
#: For each network: a run has two, so a second in all.
MEASURE_S = 0.5
#: Rounds at least, however slow the network: a median needs some.
_MIN_ROUNDS = 3
#: More threads must be faster by so much: each takes a core from the camera, the sinks and the other network, and
#: medians of half a second differ by as much by chance.
WORTH = 0.9


def parse_threads(text: str) -> Threads:
    """`auto`, or a number of threads from 1 to `MAX_THREADS`.

    Raises:
        WrongUseError: it is neither.
    """
    if text == AUTO:
        return AUTO
    try:
        count = int(text)
    except ValueError as error:
        raise WrongUseError(f"{text!r} is no number of threads: expected auto, or 1 to {MAX_THREADS}") from error
    if not 1 <= count <= MAX_THREADS:
        raise WrongUseError(f"{text} is not in the range of threads: expected auto, or 1 to {MAX_THREADS}")
    return count


def fastest_threads(graph: bytes, runtime: str, opened: Callable[[int], Callable[[], object]], name: str) -> int:
    """The number of threads to run a network with: from the cache, or measured now and put there.

    Args:
        graph: the network's bytes.
        runtime: what runs it, with its version.
        opened: makes its bare `invoke`, given a number of threads.
        name: what the log calls the network.
    """
    candidates = [n for n in CANDIDATES if n <= _cores()]
    if len(candidates) == 1:
        return candidates[0]
    path, key = cache_folder() / "threads.json", _key(graph, runtime)
    remembered = _read(path)
    if remembered.get(key) in candidates:
        return remembered[key]
    spent_ms = _measure({n: opened(n) for n in candidates})
    give_back_memory()
    chosen = candidates[0]
    for n in candidates[1:]:
        if spent_ms[n] < WORTH * spent_ms[chosen]:
            chosen = n
    said = ", ".join(f"{n}: {ms:.2f} ms" for n, ms in spent_ms.items())
    logger.info("%s runs with %d thread%s (%s)", name, chosen, "s" * (chosen > 1), said)
    try:
        # Read again: the measurement took a while, and another process may have written.
        write_json(path, {**_read(path), key: chosen})
    except OSError as error:
        logger.warning("the number of threads is not remembered: cannot write %s: %s", path, error.strerror or error)
    return chosen


def _measure(invokes: dict[int, Callable[[], object]]) -> dict[int, float]:
    """Median milliseconds of each, in turns: what else the machine does meets all of them."""
    spent_ms: dict[int, list[float]] = {n: [] for n in invokes}
    end_s, rounds = time.monotonic() + MEASURE_S, 0
    while rounds < _MIN_ROUNDS or time.monotonic() < end_s:
        for n, invoke in invokes.items():
            # One that is not counted: the caches are another's, and the threads asleep.
            invoke()
            begin_s = time.perf_counter()
            invoke()
            spent_ms[n].append((time.perf_counter() - begin_s) * 1000)
        rounds += 1
    return {n: statistics.median(spent) for n, spent in spent_ms.items()}


def _key(graph: bytes, runtime: str) -> str:
    return f"{hashlib.sha256(graph).hexdigest()} {runtime}, {processor()}, {_cores()} cores"


def _read(path: Path) -> dict[str, int]:
    """What the cache remembers; nothing where it cannot be read: then it is measured and written anew."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: n for key, n in found.items() if type(n) is int} if isinstance(found, dict) else {}


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
