"""Latency measured in short bursts of every model in turn, so that a drift of the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import Estimate, median
from edge.benchmark.worker_process import WorkerError, WorkerProcess

#: A burst takes about so long: enough for caches and clocks to be the model's own, short beside a drift.
BURST_MS = 20.0
#: Before any is counted, each model runs for about so long.
WARM_UP_MS = 300.0
MAX_BURST = 200
#: A round is disturbed in which the reference took so many times as long as in the quickest tenth of the rounds.
DISTURBED = 1.15
#: So many times as many rounds as are wanted are run at most, to find undisturbed ones.
MAX_FACTOR = 3


@dataclass
class TimedWorkload:
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
class LatencySummary:
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


@dataclass
class Rounds:
    """Bursts of several things in turn, and of a reference by which a disturbed round is known.

    Attributes:
        timed: what is measured.
        reference: work that always takes the same; run at the begin and the end of each round.
        wanted: undisturbed rounds to collect, in at most `MAX_FACTOR` times as many.
    """

    timed: list[TimedWorkload]
    reference: TimedWorkload
    wanted: int
    _reference_ms: list[float] = field(default_factory=list)

    def run(self, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> None:
        """Warm up, then run every burst once a round, in an order drawn anew each time.

        What fails falls out with its error; Ctrl-C leaves the rounds that were run.
        """
        for each in (self.reference, *self.timed):
            if not each.error:
                _attempt(each, lambda each=each: _warm_up(each))  # type: ignore[misc]
        random = np.random.default_rng(seed)
        while len(self._reference_ms) < MAX_FACTOR * self.wanted and len(self.undisturbed()) < self.wanted:
            before_ms = self._reference()
            order = random.permutation(len(self.timed))
            for i in order:
                each = self.timed[i]
                if not each.error:
                    _attempt(each, lambda each=each: each.ms.append(each.burst(each.times)))  # type: ignore[misc]
            self._reference_ms.append(max(before_ms, self._reference()))
            if progress:
                progress(min(len(self.undisturbed()), self.wanted), self.wanted)

    @property
    def run_so_far(self) -> int:
        """How many rounds were run to their end."""
        return len(self._reference_ms)

    def undisturbed(self) -> list[int]:
        """The rounds in which the reference was about as quick as in the quickest ones; all where it fell out."""
        if self.reference.error or not self._reference_ms:
            return list(range(len(self._reference_ms)))
        limit_ms = DISTURBED * float(np.percentile(self._reference_ms, 10))
        return [i for i, ms in enumerate(self._reference_ms) if ms <= limit_ms]

    def counted(self) -> list[int]:
        """The rounds that count: the undisturbed ones, or all where too few were."""
        quiet = self.undisturbed()
        return quiet if 2 * len(quiet) >= self.wanted else list(range(self.run_so_far))

    def summary(self, timed: TimedWorkload) -> LatencySummary | None:
        """Percentiles over the rounds that count; None where there is none."""
        return summary([timed.ms[i] for i in self.counted() if i < len(timed.ms)])

    def _reference(self) -> float:
        taken: list[float] = []
        if not self.reference.error:
            _attempt(self.reference, lambda: taken.extend(self.reference.burst(self.reference.times)))
        return float(np.median(taken)) if taken else 0.0


def summary(rounds_ms: list[list[float]]) -> LatencySummary | None:
    """Percentiles over all rounds; None where there is none."""
    if not rounds_ms:
        return None
    every: npt.NDArray[np.float64] = np.concatenate([np.asarray(ms, np.float64) for ms in rounds_ms])
    of_rounds = median(np.array([np.median(ms) for ms in rounds_ms]))
    p50, p95, p99 = np.percentile(every, (50, 95, 99))
    return LatencySummary(
        Estimate(float(p50), min(of_rounds.low, float(p50)), max(of_rounds.high, float(p50))),
        float(p95),
        float(p99),
        float(every.min()),
        float(every.mean()),
        len(every),
    )


def invokes(child: WorkerProcess, which: int = 0) -> Callable[[int], list[float]]:
    """Bursts of bare invokes."""
    return lambda times: list(child.ask("invoke", times=times, which=which)["ms"])


def crops_to_scores(child: WorkerProcess, faces: str) -> Callable[[int], list[float]]:
    """Bursts from a frame and a box to probabilities."""
    return lambda times: list(child.ask("crop_to_scores", faces=faces, times=times)["ms"])


def _warm_up(each: TimedWorkload) -> None:
    spent_ms, times = 0.0, 1
    while spent_ms < WARM_UP_MS:
        ms = each.burst(times)
        spent_ms += sum(ms)
        times = min(times * 2, MAX_BURST)
    each.times = int(np.clip(round(BURST_MS / max(float(np.median(ms)), 1e-3)), 1, MAX_BURST))


def _attempt(each: TimedWorkload, act: Callable[[], None]) -> None:
    try:
        act()
    except WorkerError as error:
        each.error = str(error)
