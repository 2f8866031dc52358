"""Which operations of a .tflite LiteRT hands to its XNNPACK delegate, as it does so on this machine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from edge.errors import ModelError, WrongUseError, first_line
from edge.inference.flatbuffer import Graph, Operation

#: Operations that are named one by one, before "...".
_NAMED = 6


@dataclass(frozen=True)
class Delegation:
    """What the delegate does with a graph.

    Attributes:
        operations: number of all operations.
        partitions: number of parts of the graph that the delegate runs, each as one.
        left: operations that LiteRT's own kernels run, in the order of the graph.
    """

    operations: int
    partitions: int
    left: tuple[Operation, ...]

    @property
    def is_split(self) -> bool:
        """Whether operations that are left separate parts that the delegate could run as one."""
        return self.partitions > 1

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "delegate": "XNNPACK",
            "operations": self.operations,
            "partitions": self.partitions,
            "left": [{"index": each.index, "kind": each.kind, "layer": each.layer} for each in self.left],
        }

    def as_text(self) -> str:
        """Return one line."""
        parts = f"{self.partitions} part{'' if self.partitions == 1 else 's'}"
        text = f"XNNPACK runs {self.operations - len(self.left)} of {self.operations} operations in {parts}"
        if not self.left:
            return text
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(each.kind for each in self.left).most_common())
        named = ", ".join(each.layer for each in self.left[:_NAMED])
        return f"{text}; not {kinds} ({named}{', ...' if len(self.left) > _NAMED else ''})"


def delegation(content: bytes, name: str) -> Delegation:
    """Load a graph with the delegate, and look which operations it took. The file has passed the sandbox before.

    Args:
        content: the flatbuffer.
        name: of the model, in error messages.

    Raises:
        WrongUseError: the runtime is tflite-runtime, which does not say.
        ModelError: the runtime cannot load it.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise WrongUseError("this needs ai-edge-litert, which is not installed: pip install ai-edge-litert") from error
    graph = Graph(content, name)
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        # Neither the number of partitions nor what is in them has a public function.
        nodes = interpreter._get_ops_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"LiteRT cannot load {name}: {first_line(error)}") from error
    producers = {tensor.index: operation for operation in graph.operations for tensor in operation.outputs}
    taken: set[int] = set()
    parts = [node for node in nodes if node["op_name"] == "DELEGATE"]
    for part in parts:
        # A part is what lies between its inputs and its outputs.
        given = {int(index) for index in part["inputs"]}
        pending = [int(index) for index in part["outputs"]]
        while pending:
            index = pending.pop()
            operation = producers.get(index)
            if index in given or operation is None or operation.index in taken:
                continue
            taken.add(operation.index)
            pending += [tensor.index for tensor in operation.inputs]
    left = tuple(operation for operation in graph.operations if operation.index not in taken)
    return Delegation(len(graph.operations), len(parts), left)
