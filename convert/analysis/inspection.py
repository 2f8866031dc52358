"""What is in a .tflite, of whatever origin: card, operations, dtypes, work and memory. Without tensorflow."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.inference.flatbuffer import Graph, Operation, Tensor, count
from edge.inference.model_card import ModelCard, read_parts

#: TensorFlow Lite aligns every tensor of its arena to this many bytes (kDefaultTensorAlignment).
ARENA_ALIGNMENT = 64


@dataclass(frozen=True)
class OperationRow:
    """One operation, for a table.

    Attributes:
        output_scale: real value of one step of the output's codes; None where it is not quantised.
        output_zero_point: the code of zero.
        weight_scales: one for all weights or one a channel; empty where they are not quantised.
        macs: multiply-accumulates.
        parameters: elements of its constants.
    """

    index: int
    kind: str
    layer: str
    dtypes: tuple[str, ...]
    output_dtype: str
    output_shape: tuple[int, ...]
    output_scale: float | None
    output_zero_point: int | None
    weight_scales: tuple[float, ...]
    macs: int
    parameters: int


@dataclass(frozen=True)
class IoTensor:
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
        macs: multiply-accumulates of convolutions, dense layers and matrix products.
        arena_bytes: memory for what is computed: see `arena_bytes`.
        float_operations: those with a floating-point tensor.
        metadata: names of the metadata tables.
    """

    file: str
    file_bytes: int
    graph_bytes: int
    card: ModelCard | None
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
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
    try:
        return _inspect(path, content, card, graph)
    except Exception as error:
        # Tables that can be read may still be at odds with one another.
        raise ModelError(f"{path} is damaged: its tables contradict one another ({type(error).__name__})") from error


def _inspect(path: Path, content: bytes, card: ModelCard | None, graph: Graph) -> Inspection:
    rows = tuple(_row(operation) for operation in graph.operations)
    constants = [tensor for tensor in graph.tensors if tensor.is_constant]
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


def arena_bytes(graph: Graph) -> int:
    """Bytes of the memory in which all computed tensors find room.

    Planned as TensorFlow Lite does (arena_planner.cc): the largest tensors first, each where nothing that lives at
    the same time lies; the inputs stay to the end. The kernels' own scratch memory comes on top, and XNNPACK plans
    anew.
    """
    end_of_run = len(graph.operations)
    lives: dict[int, tuple[int, int]] = {}
    for step, operation in enumerate(graph.operations):
        for tensor in (*operation.inputs, *operation.outputs):
            if not tensor.is_constant:
                first = lives.get(tensor.index, (step, step))[0]
                lives[tensor.index] = (first, step)
    lives |= {tensor.index: (0, end_of_run) for tensor in graph.inputs}
    for tensor in graph.outputs:
        if tensor.index in lives:
            lives[tensor.index] = (lives[tensor.index][0], end_of_run)
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
    parameters = [t for t in operation.inputs if t.is_constant and (t.is_float or t.scales)]
    tensors = (*operation.inputs, *operation.outputs)
    out = _end(operation.outputs[0]) if operation.outputs else IoTensor("", "", (), None, None)
    return OperationRow(
        index=operation.index,
        kind=operation.kind,
        layer=operation.layer if operation.outputs else "",
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors})),
        output_dtype=out.dtype,
        output_shape=out.shape,
        output_scale=out.scale,
        output_zero_point=out.zero_point,
        weight_scales=operation.weights.scales if operation.weights else (),
        macs=operation.macs,
        parameters=sum(count(tensor.shape) for tensor in parameters),
    )


def _end(tensor: Tensor) -> IoTensor:
    scale = tensor.scales[0] if tensor.scales else None
    return IoTensor(tensor.name, tensor.dtype, tensor.shape, scale, tensor.zero_points[0] if tensor.scales else None)
