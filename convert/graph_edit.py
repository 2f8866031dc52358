"""Graph edits: what a conversion changes in a .tflite flatbuffer apart from the quantization. Needs no tensorflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.errors import ModelError
from edge.inference.contract import INPUT_SCALE, INPUT_ZERO_POINT
from edge.inference.flatbuffer import Graph, schema

#: The name of the signature in TensorFlow's own exports.
SIGNATURE = "serving_default"


def ensure_signature(graph: Graph) -> None:
    """Add a SignatureDef, whose names tools use to feed a model, if the graph has none.

    Old converters wrote none (BlazeFace's weights have none), and the quantizer requires one.

    Args:
        graph: changed in place.
    """
    tables = schema()
    if graph.model.signatureDefs:
        return
    signature = tables.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    signature.inputs, signature.outputs = (
        [_mapping(tables, f"{kind}_{i}", index) for i, index in enumerate(indices)]
        for kind, indices in (("input", graph.main.inputs), ("output", graph.main.outputs))
    )
    graph.model.signatureDefs = [signature]


def prepare_for_quantizer(content: bytes) -> bytes:
    """Return the graph as the quantizer needs it: a fixed batch of one, and float16 weights as float32.

    Args:
        content: a float flatbuffer.
    """
    graph = Graph(content, "the float graph")
    tables, remaining = schema(), []
    for operation, table in zip(graph.operations, graph.main.operators, strict=True):
        half = operation.inputs[0] if operation.kind == "DEQUANTIZE" else None
        if half is None or half.constant is None or half.dtype != "FLOAT16":
            remaining.append(table)
            continue
        buffer = tables.BufferT()
        buffer.data = np.frombuffer(half.constant.astype(np.float32).tobytes(), np.uint8)
        graph.model.buffers.append(buffer)
        graph.main.tensors[operation.outputs[0].index].buffer = len(graph.model.buffers) - 1
        graph.model.buffers[graph.main.tensors[half.index].buffer].data = None
    graph.main.operators = remaining
    for tensor in graph.main.tensors:
        # A signature marks a variable batch size: mien runs one face at a time, as the shape has it.
        tensor.shapeSignature = None
    return graph.pack()


def accept_uint8_pixels(content: bytes) -> bytes:
    """Give an int8 graph the contract's input: uint8 pixels, scale 1, zero point 0.

    A QUANTIZE operation is inserted before the first layer. With the same scale it only shifts the values by 128, and
    loses nothing.

    Args:
        content: an int8 flatbuffer.

    Raises:
        ModelError: the int8 input does not have one code for each pixel value.
    """
    tables = schema()
    graph = Graph(content, "the int8 graph")
    before = graph.inputs[0]
    if before.dtype != "INT8" or before.scales != (1.0,) or before.zero_points != (-128,):
        raise ModelError(
            f"the int8 graph's input is {before.dtype}, scale {before.scales}, zero point {before.zero_points}: "
            "expected INT8, 1 and -128"
        )
    pixels = tables.TensorT()
    pixels.name, pixels.type, pixels.buffer = "pixels", tables.TensorType.UINT8, 0
    pixels.shape = list(before.shape)
    pixels.quantization = tables.QuantizationParametersT()
    pixels.quantization.scale, pixels.quantization.zeroPoint = [INPUT_SCALE], [INPUT_ZERO_POINT]
    graph.main.tensors[before.index].name = "pixels_int8"
    graph.main.tensors.append(pixels)
    new = len(graph.main.tensors) - 1
    code = tables.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tables.BuiltinOperator.QUANTIZE
    code.version = 1
    graph.model.operatorCodes.append(code)
    operator = tables.OperatorT()
    operator.opcodeIndex = len(graph.model.operatorCodes) - 1
    operator.inputs, operator.outputs = [new], [before.index]
    operator.builtinOptionsType = tables.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = tables.QuantizeOptionsT()
    graph.main.operators.insert(0, operator)
    graph.main.inputs = [new]
    for signature in graph.model.signatureDefs or []:
        for mapping in signature.inputs:
            if mapping.tensorIndex == before.index:
                mapping.tensorIndex = new
    return graph.pack()


def _mapping(tables: Any, name: str, index: int) -> Any:
    mapping = tables.TensorMapT()
    mapping.name, mapping.tensorIndex = name, int(index)
    return mapping
