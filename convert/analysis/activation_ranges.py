"""The range of every activation over the representative set, which decides the step size of int8."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.analysis.trace import Trace
from edge.errors import ModelError

#: Number of bins of the histograms in which a clipped range is searched for.
BINS = 2048
Inputs = Callable[[], Iterator[Sequence[npt.NDArray[Any]]]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """The range of one activation.

    Attributes:
        low, high: what int8 spans; values beyond saturate.
        observed_low, observed_high: the least and the greatest value in the representative set.
    """

    low: float
    high: float
    observed_low: float
    observed_high: float


def activation_ranges(
    content: bytes,
    inputs: Inputs,
    n: int,
    input_range: tuple[float, float],
    progress: Progress | None = None,
) -> dict[str, Range]:
    """Run a float graph over a representative set, and choose the range that the codes of each tensor span.

    Rare outliers are clipped if the finer steps gain more than the clipping loses: the range has the least mean
    squared error over the set. Of the methods that were tried this one pays off (docs/explanation/conversion.md).

    Args:
        content: the float flatbuffer.
        inputs: returns the representative set, the inputs of one run after another; called twice.
        n: number of runs in the set.
        input_range: range of the inputs, whatever the set contains: a pixel is its own code.
        progress: called with the number of finished runs and the number of all runs.

    Returns:
        Tensor name to range, for each computed tensor.

    Raises:
        ModelError: a tensor is NaN or infinite.
    """
    trace = Trace(content, "the float graph")
    tensors = trace.computed()
    observed = {tensor.name: [np.inf, -np.inf] for tensor in tensors}
    for done, values in enumerate(inputs(), start=1):
        trace.run(values)
        for tensor in tensors:
            value = trace.value(tensor)
            low, high = float(value.min()), float(value.max())
            if not np.isfinite(low + high):
                raise ModelError(
                    f"{tensor.name} is not a number for some image: its weights are NaN or too large; train it again"
                )
            observed[tensor.name] = [min(observed[tensor.name][0], low), max(observed[tensor.name][1], high)]
        if progress:
            progress(done, 2 * n)
    counts = {name: np.zeros(BINS) for name in observed}
    for done, values in enumerate(inputs(), start=n + 1):
        trace.run(values)
        for tensor in tensors:
            low, high = observed[tensor.name]
            # The edges of the bins must differ as floats; a tensor that hardly varies has no outliers.
            if high - low > 1e-5 * max(abs(low), abs(high), 1e-20):
                counts[tensor.name] += np.histogram(trace.value(tensor).astype(np.float64), BINS, (low, high))[0]
        if progress:
            progress(done, 2 * n)
    outputs = {tensor.name for tensor in trace.graph.outputs}
    found = {
        name: Range(*((low, high) if name in outputs else minimum_error_range(counts[name], low, high)), low, high)
        for name, (low, high) in observed.items()
    }
    return found | {tensor.name: Range(*input_range, *input_range) for tensor in trace.graph.inputs}


def minimum_error_range(counts: npt.NDArray[Any], low: float, high: float, levels: int = 256) -> tuple[float, float]:
    """Return the range with the least quantization error, rounding and saturation together.

    Args:
        counts: histogram over low..high in equal bins.
        low: least value of the whole range.
        high: greatest value of the whole range.
        levels: number of codes.

    Returns:
        A range within low..high; it contains 0 if the whole range does.
    """
    if not counts.sum() or high <= low:
        return low, high
    centers = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
    best, least = (low, high), np.inf
    # Each side is reduced from its full extent to a fifth; a side that is 0 stays (ReLU).
    shares = [float(share) for share in np.linspace(1.0, 0.2, 41)]
    for low_share in shares if low < 0 else [1.0]:
        for high_share in shares if high > 0 else [1.0]:
            a, b = low * low_share, high * high_share
            step = (max(b, 0.0) - min(a, 0.0)) / (levels - 1)
            beyond = np.maximum(centers - b, 0) + np.maximum(a - centers, 0)
            error = float((counts * np.where(beyond > 0, beyond**2, step**2 / 12)).sum())
            if error < least:
                best, least = (float(a), float(b)), error
    return best
