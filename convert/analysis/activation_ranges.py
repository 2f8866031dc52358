"""The range of every activation over the representative set: what decides the steps of int8."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convert.analysis.trace import Trace
from edge.errors import ModelError

#: Resolution of the histograms in which a clipped range is looked for.
BINS = 2048
Inputs = Callable[[], Iterator[Sequence[np.ndarray]]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """One activation's range.

    Attributes:
        low, high: what int8 is to span.
        least, most: what was seen; beyond low..high int8 saturates.
    """

    low: float
    high: float
    least: float
    most: float


def activation_ranges(
    content: bytes,
    inputs: Inputs,
    n: int,
    input_range: tuple[float, float],
    progress: Progress | None = None,
) -> dict[str, Range]:
    """Run a float graph over a representative set and choose between which values each tensor's codes lie.

    Rare outliers are cut off where the finer steps gain more than the outliers lose: the least mean squared error
    over the set. Of what was tried it is what pays (docs/explanation/conversion.md).

    Args:
        content: the float flatbuffer.
        inputs: gives the representative set, one run's inputs at a time; called twice.
        n: how many runs that is.
        input_range: of the inputs, whatever the set shows of it: a pixel is its own code.
        progress: called with (runs done, all of them).

    Returns:
        A range for each computed tensor, by its name.

    Raises:
        ModelError: a tensor is not a number.
    """
    trace = Trace(content, "the float graph")
    tensors = trace.computed()
    ends = {tensor.name: [np.inf, -np.inf] for tensor in tensors}
    for done, values in enumerate(inputs(), start=1):
        trace.run(values)
        for tensor in tensors:
            value = trace.value(tensor)
            low, high = float(value.min()), float(value.max())
            if not np.isfinite(low + high):
                raise ModelError(
                    f"{tensor.name} is not a number for some image: its weights are NaN or too large; train it again"
                )
            ends[tensor.name] = [min(ends[tensor.name][0], low), max(ends[tensor.name][1], high)]
        if progress:
            progress(done, 2 * n)
    counts = {name: np.zeros(BINS) for name in ends}
    for done, values in enumerate(inputs(), start=n + 1):
        trace.run(values)
        for tensor in tensors:
            low, high = ends[tensor.name]
            # Bins must be numbers apart; what hardly varies has nothing to cut off.
            if high - low > 1e-5 * max(abs(low), abs(high), 1e-20):
                counts[tensor.name] += np.histogram(trace.value(tensor).astype(np.float64), BINS, (low, high))[0]
        if progress:
            progress(done, 2 * n)
    answers = {tensor.name for tensor in trace.graph.outputs}
    found = {
        name: Range(*((low, high) if name in answers else minimum_error_range(counts[name], low, high)), low, high)
        for name, (low, high) in ends.items()
    }
    return found | {tensor.name: Range(*input_range, *input_range) for tensor in trace.graph.inputs}


def minimum_error_range(counts: np.ndarray, low: float, high: float, levels: int = 256) -> tuple[float, float]:
    """The range whose quantisation error, rounding and saturation together, is least.

    Args:
        counts: histogram over low..high in equal bins.
        low: least value of the whole range.
        high: greatest value of the whole range.
        levels: number of codes.

    Returns:
        The range, within low..high, around 0 where that holds 0.
    """
    if not counts.sum() or high <= low:
        return low, high
    centres = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
    best, error = (low, high), np.inf
    # From all of each side down to a fifth of it; a side that is 0 stays (ReLU).
    shares = np.linspace(1.0, 0.2, 41)
    for low_share in shares if low < 0 else (1.0,):
        for high_share in shares if high > 0 else (1.0,):
            a, b = low * low_share, high * high_share
            step = (max(b, 0.0) - min(a, 0.0)) / (levels - 1)
            beyond = np.maximum(centres - b, 0) + np.maximum(a - centres, 0)
            total = float((counts * np.where(beyond > 0, beyond**2, step**2 / 12)).sum())
            if total < error:
                best, error = (float(a), float(b)), total
    return best
