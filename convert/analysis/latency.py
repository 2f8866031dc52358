"""How long the float and the converted network take, in turn in one process: the ratio is what can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from edge.inference.litert import load_interpreter

#: Runs of each network in one turn, turns, and the seconds after which there are no more of them.
_RUNS, _TURNS, _LIMIT_S = 20, 10, 4.0


@dataclass(frozen=True)
class Latency:
    """Medians of the network alone, on one thread, in milliseconds.

    Attributes:
        float_ms: of the float .tflite.
        converted_ms: of the converted one.
        runs: of each.
    """

    float_ms: float
    converted_ms: float
    runs: int

    @property
    def ratio(self) -> float:
        """The converted network's time as a share of the float one's."""
        return self.converted_ms / self.float_ms

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def measure_latency(float_graph: bytes, graph: bytes) -> Latency:
    """Run two networks in turn.

    Args:
        float_graph: the float .tflite.
        graph: the converted one.
    """
    networks = [load_interpreter(content, 1, name) for content, name in ((float_graph, "float"), (graph, "converted"))]
    times_ms: tuple[list[float], list[float]] = ([], [])
    end_s = time.monotonic() + _LIMIT_S
    for _ in range(_TURNS):
        for network, found in zip(networks, times_ms, strict=True):
            found += (_time_ms(network.invoke) for _ in range(_RUNS))
        if time.monotonic() > end_s:
            break
    return Latency(median(times_ms[0]), median(times_ms[1]), len(times_ms[0]))


def _time_ms(call: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin_s)
