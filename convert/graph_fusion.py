"""Graph fusion: operations of a float .tflite that another one can do, or that do nothing. Needs no tensorflow.

Converters of ONNX and PyTorch, and files with float16 weights, leave activations, paddings and reshapes as operations
of their own. In int8, LiteRT's XNNPACK delegate does not take a separate RELU: each one splits the graph, and the parts
are slower than the whole.
"""

from __future__ import annotations

from collections import Counter

from convert.padding import same_padding
from edge.inference.flatbuffer import Graph, Operation, schema, schema_name

#: Activations that an operation of `_PRODUCERS` can apply to its own output.
_ACTIVATIONS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1"})
_PRODUCERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL"})
_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


def fuse(content: bytes) -> tuple[bytes, dict[str, int]]:
    """Fuse activations and paddings into the operations before and behind them, and drop reshapes to the same shape.

    Args:
        content: a float flatbuffer.

    Returns:
        The flatbuffer, the same one if there was nothing to fuse, and the kinds of the operations that are gone, each
        with their number.
    """
    fused: Counter[str] = Counter()
    while kinds := _fuse_once(graph := Graph(content, "the float graph")):
        fused.update(kinds)
        content = graph.pack()
    return content, dict(fused)


def _fuse_once(graph: Graph) -> list[str]:
    """Fuse all operations that can be without regard to another fusion; return the kinds of those that are gone."""
    uses = Counter(tensor.index for operation in graph.operations for tensor in operation.inputs)
    uses.update(tensor.index for tensor in graph.outputs)
    producers = {tensor.index: operation for operation in graph.operations for tensor in operation.outputs}
    changed: set[int] = set()
    removed: dict[int, str] = {}
    for operation in graph.operations:
        before = producers.get(operation.inputs[0].index) if operation.inputs else None
        if before is None or uses[operation.inputs[0].index] != 1 or {before.index, operation.index} & changed:
            continue
        gone = _fuse_pair(graph, before, operation)
        if gone is not None:
            changed |= {before.index, operation.index}
            removed[gone.index] = gone.kind
    graph.main.operators = [table for i, table in enumerate(graph.main.operators) if i not in removed]
    if removed:
        _drop_unused_tensors(graph)
    return list(removed.values())


def _fuse_pair(graph: Graph, before: Operation, operation: Operation) -> Operation | None:
    """Fuse an operation and the one whose only consumer it is; return the one that is gone, None if they stay."""
    if operation.kind in _ACTIVATIONS and _takes_activation(before):
        options = graph.main.operators[before.index].builtinOptions
        options.fusedActivationFunction = getattr(schema().ActivationFunctionType, operation.kind)
        _bypass(graph, before, operation)
        return operation
    if operation.kind in _CONVOLUTIONS and before.kind == "PAD" and _pads_as_same(before, operation):
        table = graph.main.operators[operation.index]
        table.inputs = [before.inputs[0].index, *table.inputs[1:]]
        table.builtinOptions.padding = schema().Padding.SAME
        return before
    if operation.kind == "RESHAPE" and operation.inputs[0].shape == operation.outputs[0].shape:
        _bypass(graph, before, operation)
        return operation
    return None


def _takes_activation(operation: Operation) -> bool:
    if operation.kind not in _PRODUCERS or len(operation.outputs) != 1:
        return False
    return schema_name("ActivationFunctionType", operation.options.fusedActivationFunction) == "NONE"


def _pads_as_same(pad: Operation, convolution: Operation) -> bool:
    """Whether a padding and a convolution without one do what the convolution does with the padding SAME."""
    options, amounts = convolution.options, pad.inputs[1].constant
    if schema_name("Padding", options.padding) != "VALID" or amounts is None or amounts.shape != (4, 2):
        return False
    if amounts[0].any() or amounts[3].any():
        return False
    size, output = pad.inputs[0].shape, convolution.outputs[0].shape
    kernel = convolution.inputs[1].shape
    for axis, (stride, dilation) in (
        (1, (options.strideH, options.dilationHFactor)),
        (2, (options.strideW, options.dilationWFactor)),
    ):
        if output[axis] != -(-size[axis] // stride):
            return False
        before, after = same_padding(size[axis], output[axis], kernel[axis], stride, dilation)
        # What lies behind the last window is never read.
        if amounts[axis][0] != before or amounts[axis][1] < after:
            return False
    return True


def _bypass(graph: Graph, before: Operation, operation: Operation) -> None:
    """Let the consumers of an operation, or the graph's output, read what the one before it wrote."""
    (source,), (output,) = before.outputs, operation.outputs
    if output.index in {tensor.index for tensor in graph.outputs}:
        # The name of an output belongs to the model's interface.
        graph.main.operators[before.index].outputs = [output.index]
        return
    for table in graph.main.operators:
        table.inputs = [source.index if i == output.index else i for i in table.inputs]


def _drop_unused_tensors(graph: Graph) -> None:
    """Remove the tensors that no operation has: the quantizer would stop at them, or leave them in float."""
    main = graph.main
    lists = [*(table.inputs for table in main.operators), *(table.outputs for table in main.operators)]
    used = sorted({int(i) for indices in [*lists, main.inputs, main.outputs] for i in indices if i >= 0})
    moved = {old: new for new, old in enumerate(used)} | {-1: -1}
    main.tensors = [main.tensors[i] for i in used]
    for table in main.operators:
        table.inputs, table.outputs = ([moved[int(i)] for i in indices] for indices in (table.inputs, table.outputs))
    main.inputs, main.outputs = ([moved[int(i)] for i in indices] for indices in (main.inputs, main.outputs))
    for signature in graph.model.signatureDefs or []:
        for mapping in (*signature.inputs, *signature.outputs):
            mapping.tensorIndex = moved[mapping.tensorIndex]
