"""Latency of each stage: percentiles in constant memory, for runs of weeks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

#: Bins grow by 1 % from 1 microsecond to about 1,000 s, so that a percentile is off by at most half a percent.
_GROWTH = math.log(1.01)
_FLOOR_MS = 0.001
_BINS = math.ceil(math.log(1e6 / _FLOOR_MS) / _GROWTH)


class Histogram:
    """Counts of durations in milliseconds, in bins of equal ratio."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.count = 0
        self.max_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Count one duration."""
        bin_ = 0 if duration_ms <= _FLOOR_MS else int(math.log(duration_ms / _FLOOR_MS) / _GROWTH)
        self._counts[min(bin_, _BINS - 1)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, duration_ms)

    def add_all(self, other: Histogram) -> None:
        """Count what another histogram has counted."""
        self._counts += other._counts
        self.count += other.count
        self.max_ms = max(self.max_ms, other.max_ms)

    def percentile(self, share: float) -> float:
        """Return the duration in milliseconds that `share` (0..1) of all do not exceed; 0 without any."""
        if not self.count:
            return 0.0
        rank = max(1, math.ceil(share * self.count))
        bin_ = int(np.searchsorted(np.cumsum(self._counts), rank))
        return min(_FLOOR_MS * math.exp((bin_ + 0.5) * _GROWTH), self.max_ms)

    def summary(self) -> dict[str, float]:
        """Return `p50_ms, p95_ms, p99_ms, max_ms`."""
        return {
            "p50_ms": self.percentile(0.50),
            "p95_ms": self.percentile(0.95),
            "p99_ms": self.percentile(0.99),
            "max_ms": self.max_ms,
        }


class StageLatency:
    """Histograms of all stages, and the durations of the current frame.

    Attributes:
        frame_ms: stage to milliseconds, for the current frame.
    """

    def __init__(self, stages: tuple[str, ...]) -> None:
        self._histograms = {stage: Histogram() for stage in stages}
        self.frame_ms: dict[str, float] = {}

    def start_frame(self) -> None:
        """Discard the durations of the last frame."""
        self.frame_ms = {}

    def add(self, stage: str, duration_ms: float) -> None:
        """Count one stage of the current frame."""
        self.frame_ms[stage] = duration_ms
        self._histograms[stage].add(duration_ms)

    def add_all(self, other: StageLatency) -> None:
        """Count the frames that another one has counted; both have the same stages."""
        for stage, histogram in other._histograms.items():
            self._histograms[stage].add_all(histogram)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as a stage."""
        begin_s = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - begin_s) * 1000)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return stage to percentiles, for the stages that have run."""
        return {stage: h.summary() for stage, h in self._histograms.items() if h.count}
