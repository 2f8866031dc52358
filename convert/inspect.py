"""What is in a .tflite, of whatever origin: card, operations, dtypes, work and memory. Without tensorflow."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.graph import Graph, Operation, Tensor
from edge.card import ModelCard, read_parts

#: TensorFlow Lite aligns every tensor of its arena to this many bytes (kDefaultTensorAlignment).
ARENA_ALIGNMENT = 64


@dataclass(frozen=True)
class OperationRow:
    """One operation, for a table.

    Attributes:
        macs: multiply-accumulates.
        parameters: elements of its constants.
    """

    index: int
    kind: str
    layer: str
    dtypes: tuple[str, ...]
    output_dtype: str
    output_shape: tuple[int, ...]
    macs: int
    parameters: int


@dataclass(frozen=True)
class End:
    """An input or output: what goes in or comes out, and what its codes mean."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class Inspection:
    """A .tflite in numbers.

    Attributes:
        graph_bytes: the flatbuffer without what is appended to it.
        arena_bytes: memory for what is computed, as TensorFlow Lite's own planner would lay it out for its
            built-in kernels; XNNPACK plans anew and needs about as much again.
        float_operations: those with a floating-point tensor.
        metadata: names of the metadata tables.
    """

    file: str
    file_bytes: int
    graph_bytes: int
    card: ModelCard | None
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    operations: tuple[OperationRow, ...]
    parameters: int
    weight_bytes: int
    macs: int
    arena_bytes: int
    float_operations: tuple[OperationRow, ...]
    metadata: tuple[str, ...]

    @property
    def kinds(self) -> dict[str, int]:
        """How many operations there are of each kind, most frequent first."""
        return dict(Counter(row.kind for row in self.operations).most_common())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "kinds": self.kinds}


def inspect(path: Path) -> Inspection:
    """Read a .tflite's tables.

    Raises:
        ModelError: it is missing, or no .tflite.
    """
    content, card = read_parts(path)
    graph = Graph(content, str(path))
    rows = tuple(_row(operation) for operation in graph.operations)
    constants = [tensor for tensor in graph.tensors if tensor.constant is not None]
    floats = tuple(
        row
        for row, operation in zip(rows, graph.operations, strict=True)
        if any(tensor.is_float for tensor in (*operation.inputs, *operation.outputs))
    )
    return Inspection(
        file=path.name,
        file_bytes=path.stat().st_size,
        graph_bytes=len(content),
        card=card,
        inputs=tuple(_end(tensor) for tensor in graph.inputs),
        outputs=tuple(_end(tensor) for tensor in graph.outputs),
        operations=rows,
        parameters=sum(row.parameters for row in rows),
        weight_bytes=sum(tensor.size_bytes for tensor in constants),
        macs=sum(row.macs for row in rows),
        arena_bytes=arena_bytes(graph),
        float_operations=floats,
        metadata=tuple((table.name or b"").decode("utf-8", "replace") for table in graph.model.metadata or ()),
    )


def macs(operation: Operation) -> int:
    """Multiply-accumulates of one operation; 0 for those that do not multiply with weights."""
    if operation.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
        return 0
    weights, out = operation.inputs[1].shape, operation.outputs[0].shape
    if operation.kind == "FULLY_CONNECTED":
        return _count(out[:-1]) * _count(weights)
    if operation.kind == "DEPTHWISE_CONV_2D":
        return _count(out) * _count(weights[1:3])
    if operation.kind == "TRANSPOSE_CONV":
        return _count(operation.inputs[2].shape) * weights[0] * _count(weights[1:3])
    return _count(out) * _count(weights[1:])


def arena_bytes(graph: Graph) -> int:
    """Bytes of the memory in which all computed tensors find room.

    TensorFlow Lite's plan: the largest tensors first, each at the lowest place where nothing that lives at the
    same time lies (arena_planner.cc, GreedyBySize).
    """
    lives: dict[int, tuple[int, int]] = {tensor.index: (0, 0) for tensor in graph.inputs}
    for step, operation in enumerate(graph.operations):
        for tensor in (*operation.inputs, *operation.outputs):
            if tensor.constant is None:
                first = lives.get(tensor.index, (step, step))[0]
                lives[tensor.index] = (first, step)
    for tensor in graph.outputs:
        if tensor.index in lives:
            lives[tensor.index] = (lives[tensor.index][0], len(graph.operations))
    placed: list[tuple[int, int, int, int]] = []
    for index in sorted(lives, key=lambda i: (-graph.tensors[i].size_bytes, i)):
        first, last = lives[index]
        size = -(-graph.tensors[index].size_bytes // ARENA_ALIGNMENT) * ARENA_ALIGNMENT
        offset = 0
        for start, end, born, dead in sorted(placed):
            if born <= last and first <= dead and start < offset + size and offset < end:
                offset = end
        placed.append((offset, offset + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _row(operation: Operation) -> OperationRow:
    # Biases and shapes are constants too; shapes are no parameters.
    parameters = [t for t in operation.inputs if t.constant is not None and (t.is_float or t.scales)]
    tensors = (*operation.inputs, *operation.outputs)
    return OperationRow(
        operation.index,
        operation.kind,
        operation.layer if operation.outputs else "",
        tuple(sorted({tensor.dtype for tensor in tensors})),
        operation.outputs[0].dtype if operation.outputs else "",
        operation.outputs[0].shape if operation.outputs else (),
        macs(operation),
        sum(_count(tensor.shape) for tensor in parameters),
    )


def _end(tensor: Tensor) -> End:
    scale = tensor.scales[0] if tensor.scales else None
    return End(tensor.name, tensor.dtype, tensor.shape, scale, tensor.zero_points[0] if tensor.scales else None)


def _count(shape: tuple[int, ...]) -> int:
    return abs(int(np.prod(shape, dtype=np.int64)))
