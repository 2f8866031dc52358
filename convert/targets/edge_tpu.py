"""Google Coral's Edge TPU, by the list of its compiler."""

from __future__ import annotations

from collections.abc import Callable

from convert.targets.report import LeftOperation, TargetReport
from edge.inference.flatbuffer import Graph, Operation, count, schema_name

SOURCE = 'the table "Supported operations" of coral.ai/docs/edgetpu/models-intro; the compiler itself was not run'
_INTEGERS = frozenset({"INT8", "UINT8", "INT16", "INT32"})
_LARGEST_SOFTMAX = 16_000


def edge_tpu(content: bytes, name: str) -> TargetReport:
    """Return what the Edge TPU takes of a graph."""
    graph = Graph(content, name)
    left: list[LeftOperation] = []
    for operation in graph.operations:
        reason = _reason(operation)
        if not reason and left:
            reason = "behind an operation that is left: the compiler maps one part, from the beginning"
        if reason:
            left.append(LeftOperation(operation, reason))
    return TargetReport("edgetpu", SOURCE, len(graph.operations), tuple(left))


def _reason(operation: Operation) -> str:
    tensors = (*operation.inputs, *operation.outputs)
    other = next((tensor.dtype for tensor in tensors if tensor.dtype not in _INTEGERS), "")
    if other:
        return f"it has a tensor of {other}"
    if any(tensor.free for tensor in tensors):
        return "it has a tensor whose shape is not fixed"
    check = _OPERATIONS.get(operation.kind)
    return "it is not in the list" if check is None else check(operation)


def _any(operation: Operation) -> str:
    return ""


def _same_dilation(operation: Operation) -> str:
    options = operation.options
    return "" if options.dilationHFactor == options.dilationWFactor else "its dilations differ"


def _no_activation(operation: Operation) -> str:
    name = schema_name("ActivationFunctionType", operation.options.fusedActivationFunction)
    return "" if name == "NONE" else f"it has the fused activation {name}"


def _softmax(operation: Operation) -> str:
    shape = operation.inputs[0].shape
    is_flat = count(shape) == shape[-1] and shape[-1] <= _LARGEST_SOFTMAX
    return "" if is_flat else f"its input is not one row of at most {_LARGEST_SOFTMAX:,} elements"


def _not_batch(operation: Operation) -> str:
    axes = operation.inputs[1].constant if len(operation.inputs) > 1 else None
    if axes is None:
        return "its axes are not constant"
    return "it reduces the batch" if 0 in axes.ravel() % len(operation.inputs[0].shape) else ""


_OPERATIONS: dict[str, Callable[[Operation], str]] = {
    **dict.fromkeys(
        (
            "ADD", "EXPAND_DIMS", "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL",
            "PACK", "PAD", "PRELU", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR",
            "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE",
            "STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
        ),
        _any,
    ),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _same_dilation),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION"), _no_activation),
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"), _not_batch),
    "SOFTMAX": _softmax,
}  # fmt: skip
