"""The memory of the computed tensors of a graph: which offset each has in one block, while it is in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.inference.flatbuffer import Graph

#: Bytes to which each tensor is aligned.
ALIGNMENT = 16
#: Operations that give the same bytes another shape: the output lies where the input does.
RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})


@dataclass(frozen=True)
class MemoryPlan:
    """Where the computed tensors of a graph lie.

    Attributes:
        offsets: tensor index to offset in bytes.
        size_bytes: of the block.
    """

    offsets: Mapping[int, int]
    size_bytes: int


def plan_memory(graph: Graph) -> MemoryPlan:
    """Place the computed tensors of a graph: the largest first, each at the lowest offset that is free while it lives.

    This is the greedy planner of TensorFlow Lite. The pixels are read where the caller has them.
    """
    same_as: dict[int, int] = {}
    for operation in graph.operations:
        if operation.kind in RESHAPES:
            same_as[operation.outputs[0].index] = same_as.get(operation.inputs[0].index, operation.inputs[0].index)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    sizes: dict[int, int] = {}
    given = {tensor.index for tensor in graph.inputs}
    for operation in graph.operations:
        for tensor in (*operation.inputs, *operation.outputs):
            root = same_as.get(tensor.index, tensor.index)
            if tensor.is_constant or root in given:
                continue
            first.setdefault(root, operation.index)
            last[root] = operation.index
            sizes[root] = max(sizes.get(root, 0), tensor.size_bytes)
    for tensor in graph.outputs:
        last[same_as.get(tensor.index, tensor.index)] = len(graph.operations)
    placed: dict[int, int] = {}
    for root in sorted(sizes, key=lambda index: (-sizes[index], first[index])):
        offset = 0
        for other in sorted(placed, key=placed.__getitem__):
            overlaps = first[other] <= last[root] and first[root] <= last[other]
            if overlaps and placed[other] < offset + sizes[root]:
                offset = max(offset, _aligned(placed[other] + sizes[other]))
        placed[root] = offset
    size = max((offset + sizes[root] for root, offset in placed.items()), default=0)
    aliases = {index: placed[root] for index, root in same_as.items() if root in placed}
    return MemoryPlan({**placed, **aliases}, _aligned(size))


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
