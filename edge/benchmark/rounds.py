"""Latency measured in short bursts of every model in turn, so that a drift of the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from edge.benchmark.intervals import Estimate, median
from edge.benchmark.worker_process import WorkerError, WorkerProcess

#: Duration of a burst: long enough to warm the caches for the model, short compared with a drift of the machine.
BURST_MS = 20.0
#: Duration of the warm-up of each model.
WARM_UP_MS = 300.0
#: Greatest number of runs in a burst.
MAX_BURST = 200
#: A round counts as disturbed if its reference took longer than the tenth percentile of all rounds by this factor.
DISTURBED = 1.15
#: Greatest number of rounds, as a multiple of the requested number, that are run to find undisturbed ones.
MAX_FACTOR = 3


@dataclass
class TimedWorkload:
    """A workload that is timed in bursts.

    Attributes:
        name: for messages.
        burst: takes a number of runs, and returns the duration of each in milliseconds.
        times: number of runs in a burst.
        ms: the durations, one list for each round.
        error: why it is no longer run; empty while it is.
    """

    name: str
    burst: Callable[[int], list[float]]
    times: int = 1
    ms: list[list[float]] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles of a latency in milliseconds.

    Attributes:
        p50_ms: the median, with the 95 % interval of the medians of the rounds.
        p95_ms, p99_ms: percentiles over all runs.
        min_ms, mean_ms: over all runs.
        n: number of runs; with less than a few hundred the p99 means little.
    """

    p50_ms: Estimate
    p95_ms: float
    p99_ms: float
    min_ms: float
    mean_ms: float
    n: int


@dataclass
class Rounds:
    """Rounds in which several workloads run one burst each, between two bursts of a reference.

    Attributes:
        workloads: what is timed.
        reference: a workload of constant duration, run at the start and the end of each round to detect disturbance.
        requested: number of undisturbed rounds to collect, in at most `MAX_FACTOR` times as many.
    """

    workloads: list[TimedWorkload]
    reference: TimedWorkload
    requested: int
    _reference_ms: list[float] = field(default_factory=list)

    def run(self, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> None:
        """Warm up, then run one burst of each workload per round, in a new random order each time.

        A workload that fails keeps its error and is not run again. After Ctrl-C the finished rounds remain.

        Args:
            seed: of the order.
            progress: called with the number of undisturbed rounds so far, and of the requested ones.
        """
        for workload in (self.reference, *self.workloads):
            if not workload.error:
                _attempt(workload, partial(_warm_up, workload))
        random = np.random.default_rng(seed)
        while len(self._reference_ms) < MAX_FACTOR * self.requested and len(self.undisturbed()) < self.requested:
            before_ms = self._reference()
            order = random.permutation(len(self.workloads))
            for i in order:
                workload = self.workloads[i]
                if not workload.error:
                    _attempt(workload, partial(_run_burst, workload))
            self._reference_ms.append(max(before_ms, self._reference()))
            if progress:
                progress(min(len(self.undisturbed()), self.requested), self.requested)

    @property
    def finished(self) -> int:
        """The number of finished rounds."""
        return len(self._reference_ms)

    def undisturbed(self) -> list[int]:
        """Return the rounds whose reference was about as quick as in the quickest rounds; all if it failed."""
        if self.reference.error or not self._reference_ms:
            return list(range(len(self._reference_ms)))
        limit_ms = DISTURBED * float(np.percentile(self._reference_ms, 10))
        return [i for i, ms in enumerate(self._reference_ms) if ms <= limit_ms]

    def counted(self) -> list[int]:
        """Return the rounds that count: the undisturbed ones, or all if fewer than half as many as requested are."""
        undisturbed = self.undisturbed()
        return undisturbed if 2 * len(undisturbed) >= self.requested else list(range(self.finished))

    def summary(self, workload: TimedWorkload) -> LatencySummary | None:
        """Return percentiles over the rounds that count; None if there are none."""
        return summarize([workload.ms[i] for i in self.counted() if i < len(workload.ms)])

    def _reference(self) -> float:
        durations_ms: list[float] = []
        if not self.reference.error:
            _attempt(self.reference, lambda: durations_ms.extend(self.reference.burst(self.reference.times)))
        return float(np.median(durations_ms)) if durations_ms else 0.0


def summarize(rounds_ms: list[list[float]]) -> LatencySummary | None:
    """Return percentiles over all rounds; None if there are none.

    Args:
        rounds_ms: durations in milliseconds, one list for each round.
    """
    if not rounds_ms:
        return None
    durations_ms: npt.NDArray[np.float64] = np.concatenate([np.asarray(ms, np.float64) for ms in rounds_ms])
    round_medians = median(np.array([np.median(ms) for ms in rounds_ms]))
    p50, p95, p99 = np.percentile(durations_ms, (50, 95, 99))
    return LatencySummary(
        Estimate(float(p50), min(round_medians.low, float(p50)), max(round_medians.high, float(p50))),
        float(p95),
        float(p99),
        float(durations_ms.min()),
        float(durations_ms.mean()),
        len(durations_ms),
    )


def invoke_bursts(worker: WorkerProcess, which: int = 0) -> Callable[[int], list[float]]:
    """Return bursts of invokes of the network alone.

    Args:
        worker: the process that holds the network.
        which: its position among the networks that the process has loaded.
    """
    return lambda times: list(worker.ask("invoke", times=times, which=which)["ms"])


def crop_to_scores_bursts(worker: WorkerProcess, faces: str) -> Callable[[int], list[float]]:
    """Return bursts from a frame and a box in it to probabilities.

    Args:
        worker: the process that holds the model.
        faces: path of an .npy file of faces, `(n, h, w)` uint8; the first is used.
    """
    return lambda times: list(worker.ask("crop_to_scores", faces=faces, times=times)["ms"])


def _run_burst(workload: TimedWorkload) -> None:
    workload.ms.append(workload.burst(workload.times))


def _warm_up(workload: TimedWorkload) -> None:
    spent_ms, times = 0.0, 1
    while spent_ms < WARM_UP_MS:
        ms = workload.burst(times)
        spent_ms += sum(ms)
        times = min(times * 2, MAX_BURST)
    workload.times = int(np.clip(round(BURST_MS / max(float(np.median(ms)), 1e-3)), 1, MAX_BURST))


def _attempt(workload: TimedWorkload, act: Callable[[], None]) -> None:
    try:
        act()
    except WorkerError as error:
        workload.error = str(error)
