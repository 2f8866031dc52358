"""Layer by layer: how much of the signal quantisation left, and the ranges that explain it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convert.analysis.trace import Trace
from edge.inference.flatbuffer import Operation, Tensor

Inputs = Iterator[Sequence[np.ndarray]]


@dataclass(frozen=True)
class LayerNoise:
    """One layer of a quantised graph beside the same layer of its float self.

    Attributes:
        layer: its name.
        kind: the operation.
        sqnr_db: signal-to-quantisation-noise ratio of its output, 10 log10 of the signal's power over the
            difference's, with all the noise that came in from the layers before; infinite where there is none.
        saturated: share of the output's float values beyond what its codes span, 0..1.
        activation: least and greatest float value of the output.
        spanned: least and greatest value that its codes can say; None where the output is float.
        weight: least and greatest weight; None where there is none.
        channel_spread: largest over smallest channel range of the weights: with one scale a tensor, so many times
            coarser would the smallest channel be.
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
        """For JSON, which has no infinity: no noise at all is null."""
        return {**asdict(self), "sqnr_db": None if self.sqnr_db == np.inf else max(self.sqnr_db, -999.0)}


def layer_noise(reference: bytes, quantised: bytes, inputs: Inputs) -> list[LayerNoise]:
    """Run both graphs on the same inputs and compare the outputs of the layers that both have.

    Args:
        reference: the float flatbuffer.
        quantised: the flatbuffer made of it: the tensors bear the same names.
        inputs: real-valued inputs of a run, one run at a time.

    Returns:
        One entry a layer, in the order of computation; empty where the two share no names.
    """
    a, b = Trace(reference, "the float graph"), Trace(quantised, "the quantised graph")
    ours = {tensor.name: tensor for tensor in b.computed()}
    pairs = [
        (operation, operation.outputs[0], ours[operation.outputs[0].name])
        for operation in a.graph.operations
        if operation.outputs
        and operation.outputs[0].name in ours
        and operation.outputs[0].shape == ours[operation.outputs[0].name].shape
    ]
    sums = [_Sums() for _ in pairs]
    for values in inputs:
        a.run(values)
        b.run(values)
        for (_, before, after), total in zip(pairs, sums, strict=True):
            total.add(a.value(before), b.value(after), _span(after))
    return [_noise(operation, after, total) for (operation, _, after), total in zip(pairs, sums, strict=True)]


@dataclass
class _Sums:
    """Sums over the runs for one layer."""

    signal: float = 0.0
    noise: float = 0.0
    beyond: int = 0
    count: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, before: np.ndarray, after: np.ndarray, span: tuple[float, float, float] | None) -> None:
        exact = before.astype(np.float64)
        self.signal += float((exact**2).sum())
        self.noise += float(((exact - after) ** 2).sum())
        self.low, self.high = min(self.low, float(before.min())), max(self.high, float(before.max()))
        self.count += before.size
        if span is not None:
            # Up to half a step beyond the last code is only rounded.
            self.beyond += int(((before < span[0] - span[2] / 2) | (before > span[1] + span[2] / 2)).sum())


def _noise(operation: Operation, after: Tensor, total: _Sums) -> LayerNoise:
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(total.signal / total.noise) if total.noise else np.inf
    weights, span = operation.weights, _span(after)
    values = None if weights is None or weights.constant is None else weights.real_values()
    return LayerNoise(
        operation.layer,
        operation.kind,
        after.dtype,
        # What is no number is the worst of all.
        float(ratio) if not np.isnan(ratio) else -np.inf,
        total.beyond / max(total.count, 1),
        (total.low, total.high),
        None if span is None else span[:2],
        None if values is None else (float(values.min()), float(values.max())),
        None if values is None else _spread(operation, values),
    )


def _spread(operation: Operation, values: np.ndarray) -> float | None:
    # Channels come first, in depthwise weights last.
    channels = -1 if operation.kind == "DEPTHWISE_CONV_2D" else 0
    extents = np.abs(np.moveaxis(values, channels, 0)).reshape(values.shape[channels], -1).max(axis=1)
    used = extents[extents > 0]
    return float(used.max() / used.min()) if len(used) else None


def _span(tensor: Tensor) -> tuple[float, float, float] | None:
    """Least and greatest value that the codes can say, and the step between two."""
    if not tensor.scales:
        return None
    limits = np.iinfo(tensor.dtype.lower())
    scale, zero_point = tensor.scales[0], tensor.zero_points[0]
    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale, scale
