"""XNNPACK, LiteRT's delegate for processors: which operations it takes, as it does so on this machine."""

from __future__ import annotations

from convert.targets.report import LeftOperation, TargetReport
from edge.errors import ModelError, first_line
from edge.inference.flatbuffer import Graph
from edge.inference.litert import runtime_version


def delegation(content: bytes, name: str) -> TargetReport:
    """Load a graph with the delegate, and look which operations it took. The file has passed the sandbox before.

    Args:
        content: the flatbuffer.
        name: of the model, in error messages.

    Raises:
        WrongUseError: the runtime is tflite-runtime, which does not report it.
        ModelError: the runtime cannot load it.
    """
    # Raises where ai-edge-litert is missing.
    graph = Graph(content, name)
    from ai_edge_litert.interpreter import Interpreter

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
    left = tuple(LeftOperation(operation) for operation in graph.operations if operation.index not in taken)
    return TargetReport("xnnpack", f"{runtime_version()} on this machine", len(graph.operations), left, len(parts))
