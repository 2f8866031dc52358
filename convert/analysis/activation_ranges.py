"""The range of every activation over the representative set, which decides the step size of int8."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.analysis.trace import Trace
from convert.graph_edit import MAPPED_VALUES
from edge.errors import ModelError

#: Number of bins of the histograms in which a clipped range is searched for.
BINS = 2048
#: Share of the values beyond a percentile, on either side.
_BEYOND = 1e-4
Inputs = Callable[[], Iterator[Sequence[npt.NDArray[Any]]]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """The range of one activation.

    Attributes:
        low, high: what int8 spans; values beyond saturate.
        observed_low, observed_high: the least and the greatest value in the representative set.
        estimates: estimator to its range, for all of `ESTIMATORS`; empty if there is no choice, as for an input.
    """

    low: float
    high: float
    observed_low: float
    observed_high: float
    estimates: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def by(self, estimator: str) -> Range:
        """Return the range as an estimator has it."""
        low, high = self.estimates.get(estimator, (self.low, self.high))
        return replace(self, low=low, high=high)


def activation_ranges(
    content: bytes,
    inputs: Inputs,
    n: int,
    input_range: tuple[float, float],
    progress: Progress | None = None,
    *,
    added: int = 0,
) -> dict[str, Range]:
    """Run a float graph over a representative set, and estimate the range that the codes of each tensor span.

    Rare outliers are clipped if the finer steps gain more than the clipping loses: the range has the least mean
    squared error over the set. Of the methods that were tried this one pays off for most networks
    (docs/explanation/conversion.md); `Range.estimates` has the others.

    Args:
        content: the float flatbuffer.
        inputs: returns the representative set, the inputs of one run after another; called twice.
        n: number of runs in the set.
        input_range: range of the inputs, whatever the set contains: a pixel is its own code.
        progress: called with the number of finished runs and the number of all runs.
        added: number of runs at the end that were not drawn: a black and a white image.

    Returns:
        Tensor name to range, for each computed tensor.

    Raises:
        ModelError: a tensor is NaN or infinite.
    """
    trace = Trace(content, "the float graph")
    tensors = trace.computed()
    bounds = {tensor.name: np.empty((n, 2)) for tensor in tensors}
    for i, values in enumerate(inputs()):
        trace.run(values)
        for tensor in tensors:
            value = trace.value(tensor)
            low, high = float(value.min()), float(value.max())
            if not np.isfinite(low + high):
                raise ModelError(
                    f"{tensor.name} is not a number for some image: its weights are NaN or too large; train it again"
                )
            bounds[tensor.name][i] = low, high
        if progress:
            progress(i + 1, 2 * n)
    counts = {name: np.zeros((2, BINS)) for name in bounds}
    for i, values in enumerate(inputs()):
        trace.run(values)
        for tensor in tensors:
            low, high = float(bounds[tensor.name][:, 0].min()), float(bounds[tensor.name][:, 1].max())
            # The edges of the bins must differ as floats; a tensor that hardly varies has no outliers.
            if high - low > 1e-5 * max(abs(low), abs(high), 1e-20):
                was_drawn = int(i < n - added)
                value = trace.value(tensor).astype(np.float64)
                counts[tensor.name][was_drawn] += np.histogram(value, BINS, (low, high))[0]
        if progress:
            progress(n + i + 1, 2 * n)
    # Each value of a pixel has a code of its own there, too.
    whole = {tensor.name for tensor in trace.graph.outputs} | {MAPPED_VALUES}
    found = {name: _range(bounds[name], counts[name], added, name in whole) for name in bounds}
    return found | {tensor.name: Range(*input_range, *input_range) for tensor in trace.graph.inputs}


def _range(bounds: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], added: int, is_whole: bool) -> Range:
    """Estimate the range of one tensor in every way.

    Args:
        bounds: `(n, 2)`, the least and the greatest value for each image; those that were added come last.
        counts: `(2, BINS)`, histograms from the least to the greatest value of all images: over those that were added,
            and over the others.
        added: number of images that were added.
        is_whole: whether nothing of it is clipped, as of an output.
    """
    drawn = bounds[: len(bounds) - added]
    low, high = float(bounds[:, 0].min()), float(bounds[:, 1].max())
    if is_whole:
        return Range(low, high, low, high)
    estimates = {
        "mse": minimum_error_range(counts.sum(axis=0), low, high),
        "mse-drawn": minimum_error_range(counts[1], low, high),
        "min-max": (low, high),
        "min-max-drawn": (float(drawn[:, 0].min()), float(drawn[:, 1].max())),
        "percentile": percentile_range(counts[1], low, high),
        "average": (float(drawn[:, 0].mean()), float(drawn[:, 1].mean())),
    }
    return Range(*estimates["mse"], low, high, estimates)


def percentile_range(counts: npt.NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """Return the range beyond which one value in ten thousand lies, on either side.

    Args:
        counts: histogram over low..high in equal bins.
        low: least value of the whole range.
        high: greatest value of the whole range.
    """
    if not counts.sum() or high <= low:
        return low, high
    edges = np.linspace(low, high, len(counts) + 1)
    shares = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(shares, _BEYOND, side="right"))
    last = int(np.searchsorted(shares, 1 - _BEYOND, side="left"))
    return float(edges[min(first, len(counts) - 1)]), float(edges[min(last, len(counts) - 1) + 1])


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
