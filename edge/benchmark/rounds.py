"""Latency that can be trusted: short bursts of every model in turn, so that a drift of the machine hits all alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge.benchmark.child import Child, ChildError
from edge.benchmark.interval import Estimate, median

#: A burst takes about so long: enough for caches and clocks to be the model's own, short beside a drift.
BURST_MS = 20.0
#: Before any is counted, each model runs for about so long.
WARM_UP_MS = 300.0
MAX_BURST = 200


@dataclass
class Timed:
    """Something that is timed in bursts.

    Attributes:
        name: for messages.
        burst: runs so many times, returns the milliseconds of each.
        ms: one list a round.
        error: why it fell out, empty while it has not.
    """

    name: str
    burst: Callable[[int], list[float]]
    times: int = 1
    ms: list[list[float]] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class Latency:
    """Durations in milliseconds.

    Attributes:
        p50_ms: with the 95 % interval of the medians of the rounds.
        n: how many were timed; their p99 is worth little below a few hundred.
    """

    p50_ms: Estimate
    p95_ms: float
    p99_ms: float
    min_ms: float
    mean_ms: float
    n: int


def run_rounds(
    timed: list[Timed], rounds: int, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> None:
    """Warm up, then run every burst once a round, in an order drawn anew each time.

    What fails falls out with its error; Ctrl-C leaves the rounds that were run.
    """
    for each in timed:
        _attempt(each, lambda each=each: _warm_up(each))  # type: ignore[misc]
    random = np.random.default_rng(seed)
    for done in range(rounds):
        for i in random.permutation(len(timed)):
            each = timed[i]
            if not each.error:
                _attempt(each, lambda each=each: each.ms.append(each.burst(each.times)))  # type: ignore[misc]
        if progress:
            progress(done + 1, rounds)


def summary(rounds_ms: list[list[float]]) -> Latency | None:
    """Percentiles over all rounds; None where there is none."""
    if not rounds_ms:
        return None
    every: npt.NDArray[np.float64] = np.concatenate([np.asarray(ms, np.float64) for ms in rounds_ms])
    of_rounds = median(np.array([np.median(ms) for ms in rounds_ms]))
    p50, p95, p99 = np.percentile(every, (50, 95, 99))
    return Latency(
        Estimate(float(p50), min(of_rounds.low, float(p50)), max(of_rounds.high, float(p50))),
        float(p95),
        float(p99),
        float(every.min()),
        float(every.mean()),
        len(every),
    )


def invokes(child: Child, which: int = 0) -> Callable[[int], list[float]]:
    """Bursts of bare invokes."""
    return lambda times: list(child.ask("invoke", times=times, which=which)["ms"])


def crops_to_scores(child: Child, faces: str) -> Callable[[int], list[float]]:
    """Bursts from a frame and a box to probabilities."""
    return lambda times: list(child.ask("crop_to_scores", faces=faces, times=times)["ms"])


def _warm_up(each: Timed) -> None:
    spent_ms, times = 0.0, 1
    while spent_ms < WARM_UP_MS:
        ms = each.burst(times)
        spent_ms += sum(ms)
        times = min(times * 2, MAX_BURST)
    each.times = int(np.clip(round(BURST_MS / max(float(np.median(ms)), 1e-3)), 1, MAX_BURST))


def _attempt(each: Timed, act: Callable[[], None]) -> None:
    try:
        act()
    except ChildError as error:
        each.error = str(error)
