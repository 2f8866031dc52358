"""Rejects graphs with control flow: what a loop does cannot be known before it is run, and it may never end."""

from __future__ import annotations

from edge.errors import ModelError, WrongUseError
from edge.inference.flatbuffer import Graph

#: Operators that call other subgraphs: a network for pictures needs none.
CONTROL_FLOW = frozenset(
    {"IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"}
)


def reject_control_flow(graph: bytes, name: str) -> None:
    """Check that a flatbuffer is a network of plain operators.

    Args:
        graph: the flatbuffer.
        name: of the file, in error messages.

    Raises:
        ModelError: it has control flow, or is damaged.
    """
    try:
        operations = Graph(graph, name).operations
    except WrongUseError:
        # With tflite-runtime alone, a board cannot parse models; the sandbox's limit of time remains.
        return
    found = sorted({operation.kind for operation in operations} & CONTROL_FLOW)
    if found:
        raise ModelError(f"{name} has control flow ({', '.join(found)}): expected a network of plain operators")
