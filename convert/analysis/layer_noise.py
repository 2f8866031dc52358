"""The quantization noise of each layer: its signal-to-noise ratio, and the ranges that explain it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.analysis.trace import Trace
from edge.inference.flatbuffer import Operation, Tensor

#: The real-valued inputs of one run after another.
Inputs = Iterator[Sequence[npt.NDArray[Any]]]


@dataclass(frozen=True)
class LayerNoise:
    """One layer of a quantized graph, compared with the same layer of the float graph.

    Attributes:
        layer: the layer's name.
        kind: the operation.
        dtype: of its output.
        sqnr_db: signal-to-quantization-noise ratio of its output: 10 log10 of the power of the signal over the power
            of the difference, including the noise that came in from the layers before. Infinite without noise.
        saturated: share of the output's float values that lie outside the range of its codes, 0..1.
        activation: least and greatest float value of the output.
        spanned: least and greatest value that the codes can represent; None if the output is float.
        weight: least and greatest weight; None if the layer has none.
        channel_spread: largest over smallest channel range of the weights: how much coarser the smallest channel
            would be with one scale for the whole tensor.
    """

    layer: str
    kind: str
    dtype: str
    sqnr_db: float
    saturated: float
    activation: tuple[float, float]
    spanned: tuple[float, float] | None
    weight: tuple[float, float] | None
    channel_spread: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON, which has no infinity: the ratio without noise is null."""
        return {**asdict(self), "sqnr_db": None if self.sqnr_db == np.inf else max(self.sqnr_db, -999.0)}


def layer_noise(reference: bytes, quantized: bytes, inputs: Inputs) -> list[LayerNoise]:
    """Run both graphs on the same inputs, and compare the outputs of the layers that both have.

    Args:
        reference: the float flatbuffer.
        quantized: the flatbuffer made from it, in which the tensors have the same names.
        inputs: the real-valued inputs of one run after another.

    Returns:
        One entry for each layer, in the order of computation; empty if the two graphs share no tensor names.

    Raises:
        ModelError: LiteRT cannot load one of the graphs.
    """
    float_trace, quantized_trace = Trace(reference, "the float graph"), Trace(quantized, "the quantized graph")
    by_name = {tensor.name: tensor for tensor in quantized_trace.computed()}
    pairs = [
        (operation, operation.outputs[0], by_name[operation.outputs[0].name])
        for operation in float_trace.graph.operations
        if operation.outputs
        and operation.outputs[0].name in by_name
        and operation.outputs[0].shape == by_name[operation.outputs[0].name].shape
    ]
    sums = [_Sums() for _ in pairs]
    for values in inputs:
        float_trace.run(values)
        quantized_trace.run(values)
        for (_, before, after), total in zip(pairs, sums, strict=True):
            total.add(float_trace.value(before), quantized_trace.value(after), _span(after))
    return [_noise(operation, after, total) for (operation, _, after), total in zip(pairs, sums, strict=True)]


@dataclass
class _Sums:
    """The sums over all runs for one layer."""

    signal: float = 0.0
    noise: float = 0.0
    saturated: int = 0
    count: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, before: npt.NDArray[Any], after: npt.NDArray[Any], span: tuple[float, float, float] | None) -> None:
        exact = before.astype(np.float64)
        self.signal += float((exact**2).sum())
        self.noise += float(((exact - after) ** 2).sum())
        self.low, self.high = min(self.low, float(before.min())), max(self.high, float(before.max()))
        self.count += before.size
        if span is not None:
            # Up to half a step beyond the last code a value is only rounded.
            self.saturated += int(((before < span[0] - span[2] / 2) | (before > span[1] + span[2] / 2)).sum())


def _noise(operation: Operation, after: Tensor, total: _Sums) -> LayerNoise:
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(total.signal / total.noise) if total.noise else np.inf
    weights, span = operation.weights, _span(after)
    values = None if weights is None or weights.constant is None else weights.real_values()
    return LayerNoise(
        operation.layer,
        operation.kind,
        after.dtype,
        # NaN counts as the worst ratio.
        float(ratio) if not np.isnan(ratio) else -np.inf,
        total.saturated / max(total.count, 1),
        (total.low, total.high),
        None if span is None else span[:2],
        None if values is None else (float(values.min()), float(values.max())),
        None if values is None else _channel_spread(operation, values),
    )


def _channel_spread(operation: Operation, values: npt.NDArray[Any]) -> float | None:
    # The channels are the first axis; in depthwise weights the last.
    channels = -1 if operation.kind == "DEPTHWISE_CONV_2D" else 0
    extents = np.abs(np.moveaxis(values, channels, 0)).reshape(values.shape[channels], -1).max(axis=1)
    used = extents[extents > 0]
    return float(used.max() / used.min()) if len(used) else None


def _span(tensor: Tensor) -> tuple[float, float, float] | None:
    """Return the least and the greatest value that the codes can represent, and the step between two codes."""
    if not tensor.scales:
        return None
    limits = np.iinfo(tensor.dtype.lower())
    scale, zero_point = tensor.scales[0], tensor.zero_points[0]
    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale, scale
