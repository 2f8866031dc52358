"""Microcontrollers: TensorFlow Lite for Microcontrollers, and the kernels that Espressif has for it."""

from __future__ import annotations

from convert.targets.report import LeftOperation, TargetReport
from convert.targets.tflm_operators import RESOLVER_METHODS
from edge.inference.flatbuffer import Graph, Operation

#: The operations that have a kernel in tensorflow/lite/micro/kernels/esp_nn of esp-tflite-micro.
_ESP_NN = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MUL", "SOFTMAX"}
)


def tflm(content: bytes, name: str) -> TargetReport:
    """Return what TensorFlow Lite for Microcontrollers takes of a graph."""
    graph = Graph(content, name)
    left = tuple(
        LeftOperation(operation, "the interpreter has no such operator")
        for operation in graph.operations
        if operation.kind not in RESOLVER_METHODS
    )
    note = ""
    if graph.float_tensors():
        note = "it has float tensors: it runs, but no chip has fast kernels for them"
    source = "micro_mutable_op_resolver.h of tflite-micro, 2026-01"
    return TargetReport("tflm", source, len(graph.operations), left, note=note)


def esp_nn(content: bytes, name: str) -> TargetReport:
    """Return what the kernels of ESP-NN take of a graph; the interpreter's own run the rest."""
    graph = Graph(content, name)
    left = [(operation, _reason(operation)) for operation in graph.operations]
    return TargetReport(
        "esp-nn",
        "tensorflow/lite/micro/kernels/esp_nn of github.com/espressif/esp-tflite-micro",
        len(graph.operations),
        tuple(LeftOperation(operation, reason) for operation, reason in left if reason),
        note="what is left runs in the interpreter's reference kernels",
    )


def _reason(operation: Operation) -> str:
    if operation.kind not in _ESP_NN:
        return "it has no kernel there"
    if operation.outputs[0].dtype != "INT8":
        return f"its output is {operation.outputs[0].dtype}, not INT8"
    options = operation.options
    if getattr(options, "dilationHFactor", 1) != 1 or getattr(options, "dilationWFactor", 1) != 1:
        return "it is dilated"
    return ""
