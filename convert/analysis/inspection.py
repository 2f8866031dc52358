"""The contents of any .tflite: card, operations, dtypes, work and memory. Needs no tensorflow."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.inference.flatbuffer import Graph, Operation, Tensor, count
from edge.inference.model_card import ModelCard, read_parts

#: Alignment in bytes of every tensor in TensorFlow Lite's arena (kDefaultTensorAlignment).
ARENA_ALIGNMENT = 64


@dataclass(frozen=True)
class OperationRow:
    """One operation of a graph.

    Attributes:
        index: its position in the graph.
        kind: the operation, such as `CONV_2D`.
        layer: name of the layer that it came from.
        dtypes: of all its tensors.
        output_dtype, output_shape: of its first output.
        output_scale: real value of one step of the output's codes; None if the output is not quantized.
        output_zero_point: the code of zero; None if the output is not quantized.
        weight_scales: one for all weights, or one for each channel; empty if they are not quantized.
        macs: number of multiply-accumulates.
        parameters: number of elements of its constants.
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
    """An input or output of a graph.

    Attributes:
        name, dtype, shape: of the tensor.
        scale: real value of one step of its codes; None if it is not quantized.
        zero_point: the code of zero; None if it is not quantized.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class Inspection:
    """The contents of a .tflite.

    Attributes:
        file: the file's name.
        file_bytes: size of the file.
        graph_bytes: size of the flatbuffer, without the labels and the card that are appended to it.
        card: the model card; None if the file has none.
        inputs, outputs: of the graph.
        operations: in the order of the graph.
        parameters: number of all parameters.
        weight_bytes: size of all constants.
        macs: multiply-accumulates of convolutions, dense layers and matrix products.
        arena_bytes: memory for the computed tensors; see `arena_bytes`.
        float_operations: operations with a floating-point tensor.
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
        """Number of operations of each kind, most frequent first."""
        return dict(Counter(row.kind for row in self.operations).most_common())

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {**asdict(self), "kinds": self.kinds}


def inspect(path: Path) -> Inspection:
    """Read the contents of a .tflite, without running it.

    Args:
        path: the file; it need not have a card, nor come from mien.

    Raises:
        ModelError: the file is missing, damaged, or not a .tflite.
    """
    content, card = read_parts(path)
    graph = Graph(content, str(path))
    try:
        return _inspect(path, content, card, graph)
    except Exception as error:
        # Tables that can be read may still contradict one another.
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
        inputs=tuple(_io_tensor(tensor) for tensor in graph.inputs),
        outputs=tuple(_io_tensor(tensor) for tensor in graph.outputs),
        operations=rows,
        parameters=sum(row.parameters for row in rows),
        weight_bytes=sum(tensor.size_bytes for tensor in constants),
        macs=sum(row.macs for row in rows),
        arena_bytes=arena_bytes(graph),
        float_operations=floats,
        metadata=tuple((table.name or b"").decode("utf-8", "replace") for table in graph.model.metadata or ()),
    )


def arena_bytes(graph: Graph) -> int:
    """Return the size in bytes of the memory that holds all computed tensors.

    Planned as TensorFlow Lite does it (arena_planner.cc): the largest tensor first, each at the lowest offset that no
    tensor with an overlapping lifetime occupies; the inputs live until the end. The kernels' scratch memory comes on
    top, and XNNPACK makes a plan of its own.
    """
    end_of_run = len(graph.operations)
    lifetimes: dict[int, tuple[int, int]] = {}
    for step, operation in enumerate(graph.operations):
        for tensor in (*operation.inputs, *operation.outputs):
            if not tensor.is_constant:
                first = lifetimes.get(tensor.index, (step, step))[0]
                lifetimes[tensor.index] = (first, step)
    lifetimes |= {tensor.index: (0, end_of_run) for tensor in graph.inputs}
    for tensor in graph.outputs:
        if tensor.index in lifetimes:
            lifetimes[tensor.index] = (lifetimes[tensor.index][0], end_of_run)
    placed: list[tuple[int, int, int, int]] = []
    for index in sorted(lifetimes, key=lambda i: (-graph.tensors[i].size_bytes, i)):
        first, last = lifetimes[index]
        size = -(-graph.tensors[index].size_bytes // ARENA_ALIGNMENT) * ARENA_ALIGNMENT
        offset = 0
        for start, end, other_first, other_last in sorted(placed):
            if other_first <= last and first <= other_last and start < offset + size and offset < end:
                offset = end
        placed.append((offset, offset + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _row(operation: Operation) -> OperationRow:
    # Biases and shapes are constants too, but shapes are not parameters.
    parameters = [t for t in operation.inputs if t.is_constant and (t.is_float or t.scales)]
    tensors = (*operation.inputs, *operation.outputs)
    output = _io_tensor(operation.outputs[0]) if operation.outputs else IoTensor("", "", (), None, None)
    return OperationRow(
        index=operation.index,
        kind=operation.kind,
        layer=operation.layer if operation.outputs else "",
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors})),
        output_dtype=output.dtype,
        output_shape=output.shape,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
        weight_scales=operation.weights.scales if operation.weights else (),
        macs=operation.macs,
        parameters=sum(count(tensor.shape) for tensor in parameters),
    )


def _io_tensor(tensor: Tensor) -> IoTensor:
    scale = tensor.scales[0] if tensor.scales else None
    return IoTensor(tensor.name, tensor.dtype, tensor.shape, scale, tensor.zero_points[0] if tensor.scales else None)
