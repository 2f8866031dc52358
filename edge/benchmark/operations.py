"""What each operation of a .tflite adds to an invoke.

LiteRT's Python interface has no profiler. So the graph is cut off after each operation in turn, and the cuts are timed
in rounds, side by side: an operation costs what its cut takes longer than the one before. A fused activation or a
reordering that XNNPACK does across the cut is counted where it happens; a difference may be a little below zero.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from edge.benchmark.rounds import BURST_MS
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter


def operation_times(content: bytes, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Time every operation.

    Args:
        content: the flatbuffer.
        threads: for XNNPACK.
        rounds: bursts of each cut.

    Returns:
        In the order of the graph: `index, kind, layer, output_shape, macs, ms`.
    """
    graph = Graph(content, "the model")
    invokes = [
        load_interpreter(cut(content, n + 1), threads, "a cut of it").invoke for n in range(len(graph.operations))
    ]
    medians = np.zeros((rounds, len(invokes)))
    for r in range(-1, rounds):
        for i, invoke in enumerate(invokes):
            invoke()
            took_ms: list[float] = []
            while sum(took_ms) < BURST_MS / 10 or not took_ms:
                begin_ns = time.perf_counter_ns()
                invoke()
                took_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
            # The first round warms up.
            if r >= 0:
                medians[r, i] = np.median(took_ms)
    up_to = np.median(medians, axis=0)
    return [
        {
            "index": operation.index,
            "kind": operation.kind,
            "layer": operation.layer,
            "output_shape": list(operation.outputs[0].shape) if operation.outputs else [],
            "macs": operation.macs,
            "ms": float(ms),
        }
        for operation, ms in zip(graph.operations, np.diff(up_to, prepend=0.0), strict=True)
    ]


def cut(content: bytes, operations: int) -> bytes:
    """The graph's first operations; whatever those after them would read is an output."""
    graph = Graph(content, "the model")
    kept, gone = graph.operations[:operations], graph.operations[operations:]
    made = [tensor.index for operation in kept for tensor in operation.outputs]
    wanted = {tensor.index for operation in gone for tensor in operation.inputs} | {t.index for t in graph.outputs}
    graph.main.operators = graph.main.operators[:operations]
    graph.main.outputs = [index for index in made if index in wanted]
    # They name outputs that are no more.
    graph.model.signatureDefs = []
    return graph.pack()
