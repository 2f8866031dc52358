"""The time of each operation of a .tflite.

LiteRT's Python interface has no profiler. Therefore the graph is truncated after each operation in turn, and the
truncated graphs are timed in interleaved rounds: the time of an operation is the difference to the graph before. An
activation that XNNPACK fuses, or a reordering across the end of a truncated graph, counts where it happens; a
difference may be slightly negative.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from edge.benchmark.rounds import BURST_MS
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter


def operation_times(content: bytes, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Time every operation of a graph.

    Args:
        content: the flatbuffer.
        threads: number of threads of XNNPACK.
        rounds: number of bursts of each truncated graph.

    Returns:
        One entry for each operation, in the order of the graph: `index, kind, layer, output_shape, macs, ms`.
    """
    graph = Graph(content, "the model")
    invokes = [
        load_interpreter(truncate(content, n + 1), threads, "a truncated graph").invoke
        for n in range(len(graph.operations))
    ]
    medians = np.zeros((rounds, len(invokes)))
    for r in range(-1, rounds):
        for i, invoke in enumerate(invokes):
            invoke()
            durations_ms: list[float] = []
            while sum(durations_ms) < BURST_MS / 10 or not durations_ms:
                begin_ns = time.perf_counter_ns()
                invoke()
                durations_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
            # The first round warms up.
            if r >= 0:
                medians[r, i] = np.median(durations_ms)
    cumulative_ms = np.median(medians, axis=0)
    return [
        {
            "index": operation.index,
            "kind": operation.kind,
            "layer": operation.layer,
            "output_shape": list(operation.outputs[0].shape) if operation.outputs else [],
            "macs": operation.macs,
            "ms": float(ms),
        }
        for operation, ms in zip(graph.operations, np.diff(cumulative_ms, prepend=0.0), strict=True)
    ]


def truncate(content: bytes, operations: int) -> bytes:
    """Return a graph with the first operations only; every tensor that later operations read becomes an output."""
    graph = Graph(content, "the model")
    kept, removed = graph.operations[:operations], graph.operations[operations:]
    computed = [tensor.index for operation in kept for tensor in operation.outputs]
    needed = {tensor.index for operation in removed for tensor in operation.inputs} | {t.index for t in graph.outputs}
    graph.main.operators = graph.main.operators[:operations]
    graph.main.outputs = [index for index in computed if index in needed]
    # They name outputs that no longer exist.
    graph.model.signatureDefs = []
    return graph.pack()
