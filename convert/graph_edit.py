"""Graph edits: what a conversion changes in a .tflite flatbuffer apart from the quantization. Needs no tensorflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.inference.contract import INPUT_SCALE, INPUT_ZERO_POINT
from edge.inference.flatbuffer import Graph, schema
from edge.inference.pixel_mapping import PixelMapping

#: The name of the signature in TensorFlow's own exports.
SIGNATURE = "serving_default"


#: Name of the tensor of the values that a network was trained on, which a layer of mien makes of pixels.
MAPPED_VALUES = "input_mapping/values"


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


def accept_gray_pixels(content: bytes, mapping: PixelMapping) -> bytes:
    """Give a float graph one plane of pixels, 0 to 255, as its input, whatever it was trained on.

    A 1x1 convolution is inserted before the first layer: it makes of a pixel the values of all channels, by one factor
    and one summand for each.

    Args:
        content: a float flatbuffer with one input `[1, H, H, channels]`.
        mapping: what the values of the input mean.
    """
    tables = schema()
    graph = Graph(content, "the float graph")
    values = graph.inputs[0]
    channels = values.shape[3]
    scale, offset = mapping.coefficients(channels)
    pixels = _add_tensor(graph, "pixels", [*values.shape[:3], 1])
    factors = _add_tensor(graph, "input_mapping/scale", [channels, 1, 1, 1], scale)
    summands = _add_tensor(graph, "input_mapping/offset", [channels], offset)
    graph.main.tensors[values.index].name = MAPPED_VALUES
    options = tables.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.padding = tables.Padding.VALID
    _insert_first(graph, tables.BuiltinOperator.CONV_2D, [pixels, factors, summands], values.index, options)
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
    pixels = _add_tensor(graph, "pixels", before.shape, dtype=tables.TensorType.UINT8)
    quantization = graph.main.tensors[pixels].quantization = tables.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = [INPUT_SCALE], [INPUT_ZERO_POINT]
    graph.main.tensors[before.index].name = "pixels_int8"
    _insert_first(graph, tables.BuiltinOperator.QUANTIZE, [pixels], before.index, tables.QuantizeOptionsT())
    return graph.pack()


def _add_tensor(
    graph: Graph, name: str, shape: Sequence[int], value: npt.NDArray[np.float64] | None = None, dtype: int = 0
) -> int:
    """Add a tensor, float32 unless stated otherwise, constant if it has a value; return its index."""
    tables = schema()
    tensor = tables.TensorT()
    tensor.name, tensor.type, tensor.buffer, tensor.shape = name, dtype, 0, list(shape)
    if value is not None:
        buffer = tables.BufferT()
        buffer.data = np.frombuffer(value.astype(np.float32).tobytes(), np.uint8)
        graph.model.buffers.append(buffer)
        tensor.buffer = len(graph.model.buffers) - 1
    graph.main.tensors.append(tensor)
    return len(graph.main.tensors) - 1


def _insert_first(graph: Graph, code: int, inputs: list[int], output: int, options: Any) -> None:
    """Insert an operation before all others; its first input becomes the graph's in place of its output."""
    tables = schema()
    operator_code = tables.OperatorCodeT()
    operator_code.builtinCode = operator_code.deprecatedBuiltinCode = code
    operator_code.version = 1
    graph.model.operatorCodes.append(operator_code)
    operator = tables.OperatorT()
    operator.opcodeIndex = len(graph.model.operatorCodes) - 1
    operator.inputs, operator.outputs = inputs, [output]
    operator.builtinOptionsType = getattr(tables.BuiltinOptions, type(options).__name__.removesuffix("T"))
    operator.builtinOptions = options
    graph.main.operators.insert(0, operator)
    graph.main.inputs = [inputs[0]]
    for signature in graph.model.signatureDefs or []:
        for mapping in signature.inputs:
            if mapping.tensorIndex == output:
                mapping.tensorIndex = inputs[0]


def _mapping(tables: Any, name: str, index: int) -> Any:
    mapping = tables.TensorMapT()
    mapping.name, mapping.tensorIndex = name, int(index)
    return mapping
