"""The number of threads with which a network runs fastest on this machine: measured once, then stored."""

from __future__ import annotations

import hashlib
import json
import logging
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
from edge.system.operating_system import usable_cores

logger = logging.getLogger(__name__)

Auto = Literal["auto"]
AUTO: Auto = get_args(Auto)[0]
#: A number of threads, or `auto`: it is measured.
Threads = int | Auto

MAX_THREADS = 64
CANDIDATES = (1, 2, 4)
#: Duration of the measurement for each network; a run has two, so it takes a second in all.
MEASURE_S = 0.5
#: Least number of rounds, even for a slow network: a median needs several values.
_MIN_ROUNDS = 3
#: More threads must take less than this fraction of the time: each of them takes a core from the camera, the sinks and
#: the other network, and medians over half a second differ by as much by chance.
MAX_TIME_RATIO = 0.9


def parse_threads(text: str) -> Threads:
    """Parse `auto`, or a number of threads from 1 to `MAX_THREADS`.

    Raises:
        WrongUseError: it is neither.
    """
    if text == AUTO:
        return AUTO
    try:
        count = int(text)
    except ValueError as error:
        raise WrongUseError(f"{text!r} is not a number of threads: expected auto, or 1 to {MAX_THREADS}") from error
    if not 1 <= count <= MAX_THREADS:
        raise WrongUseError(f"{count} threads are out of range: expected auto, or 1 to {MAX_THREADS}")
    return count


def fastest_threads(graph: bytes, runtime: str, open_invoke: Callable[[int], Callable[[], object]], name: str) -> int:
    """Return the number of threads with which a network runs fastest: from the cache, or measured now and stored.

    Args:
        graph: the network's flatbuffer.
        runtime: name and version of the runtime.
        open_invoke: opens the network with a number of threads and returns its bare `invoke`.
        name: name of the network in the log.
    """
    candidates = [n for n in CANDIDATES if n <= usable_cores()]
    if len(candidates) == 1:
        return candidates[0]
    path, key = cache_folder() / "threads.json", _key(graph, runtime)
    stored = _read(path)
    if stored.get(key) in candidates:
        return stored[key]
    spent_ms = _measure({n: open_invoke(n) for n in candidates})
    give_back_memory()
    chosen = candidates[0]
    for n in candidates[1:]:
        if spent_ms[n] < MAX_TIME_RATIO * spent_ms[chosen]:
            chosen = n
    times = ", ".join(f"{n}: {ms:.2f} ms" for n, ms in spent_ms.items())
    logger.info("%s runs with %d thread%s (%s)", name, chosen, "s" * (chosen > 1), times)
    try:
        # Read again: the measurement took a while, and another process may have written to the file.
        write_json(path, {**_read(path), key: chosen})
    except OSError as error:
        logger.warning(
            "the number of threads is not stored, so the next start measures it again: cannot write %s: %s",
            path,
            error.strerror or error,
        )
    return chosen


def _measure(invokes: dict[int, Callable[[], object]]) -> dict[int, float]:
    """Return the median time of each in milliseconds, interleaved, so that other load affects all of them alike."""
    spent_ms: dict[int, list[float]] = {n: [] for n in invokes}
    end_s, rounds = time.monotonic() + MEASURE_S, 0
    while rounds < _MIN_ROUNDS or time.monotonic() < end_s:
        for n, invoke in invokes.items():
            # Warm up: the caches hold another network's data, and the threads are asleep.
            invoke()
            begin_s = time.perf_counter()
            invoke()
            spent_ms[n].append((time.perf_counter() - begin_s) * 1000)
        rounds += 1
    return {n: statistics.median(spent) for n, spent in spent_ms.items()}


def _key(graph: bytes, runtime: str) -> str:
    return f"{hashlib.sha256(graph).hexdigest()} {runtime}, {processor()}, {usable_cores()} cores"


def _read(path: Path) -> dict[str, int]:
    """Return what the cache file contains; nothing if it cannot be read, so that it is measured and written again."""
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {key: n for key, n in table.items() if type(n) is int} if isinstance(table, dict) else {}
