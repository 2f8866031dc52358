"""A .tflite flatbuffer as tables that can be read and changed. Without tensorflow: LiteRT brings the schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import flatbuffers
import numpy as np

from edge.contract import INPUT_SCALE, INPUT_ZERO_POINT
from edge.errors import ModelError, WrongUseError

#: The file identifier that TensorFlow's schema.fbs declares.
FILE_IDENTIFIER = b"TFL3"
#: The name TensorFlow's own exports give.
SIGNATURE = "serving_default"


def schema() -> Any:
    """The tables of the flatbuffer, from LiteRT's package."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        # A board with tflite-runtime alone runs models, but cannot take them apart.
        raise WrongUseError("this needs ai-edge-litert: pip install ai-edge-litert") from error
    return schema_py_generated


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph.

    Attributes:
        name: as the flatbuffer has it.
        dtype: as the schema calls it: `INT8`, `FLOAT32`, ...
        shape: as memory is planned for.
        free: dimensions that may vary from call to call.
        scales, zero_points: one for the whole tensor or one a channel; empty where it is not quantised.
        axis: which dimension the channels are, where there are several scales.
        is_constant: whether the file holds its value.
        constant: that value; None for what is computed, and for kinds of storage that numpy has not (INT4, sparse).
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    free: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    is_constant: bool
    constant: np.ndarray | None

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return self.dtype in _FLOATS

    @property
    def size_bytes(self) -> int:
        """Bytes that its elements take."""
        bits = _BITS.get(self.dtype, 0)
        return (int(np.prod(self.shape, dtype=np.int64)) * bits + 7) // 8

    def real_values(self) -> np.ndarray:
        """A constant's value as real numbers, float32."""
        assert self.constant is not None
        value = self.constant.astype(np.float32)
        if not self.scales:
            return value
        shape = [1] * value.ndim
        if len(self.scales) > 1:
            shape[self.axis] = len(self.scales)
        zero_points = np.reshape(np.array(self.zero_points, np.float32), shape)
        return (value - zero_points) * np.reshape(np.array(self.scales, np.float32), shape)


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        kind: as the schema calls it.
        layer: the layer that it came from.
        options: the schema's, such as strides.
    """

    index: int
    kind: str
    layer: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Any

    @property
    def weights(self) -> Tensor | None:
        """The constant that it multiplies with, if it has one."""
        # A transposed convolution's first input is its output's shape.
        if self.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
            return None
        return self.inputs[1] if self.inputs[1].is_constant else None


_FLOATS = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16"})
_BITS = {
    **{"FLOAT64": 64, "FLOAT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "INT64": 64, "UINT64": 64, "INT32": 32},
    **{"UINT32": 32, "INT16": 16, "UINT16": 16, "INT8": 8, "UINT8": 8, "INT4": 4, "UINT4": 4, "BOOL": 8},
}
_NUMPY = {
    **{"FLOAT64": np.float64, "FLOAT32": np.float32, "FLOAT16": np.float16, "INT64": np.int64, "INT32": np.int32},
    **{"UINT32": np.uint32, "INT16": np.int16, "UINT16": np.uint16, "INT8": np.int8, "UINT8": np.uint8},
}


class Graph:
    """A parsed .tflite, of its first (main) subgraph.

    Args:
        content: the flatbuffer, without what is appended to it.
        name: what errors call it.

    Raises:
        ModelError: the bytes are no such flatbuffer.
    """

    def __init__(self, content: bytes, name: str) -> None:
        if content[4:8] != FILE_IDENTIFIER:
            raise ModelError(f"{name} is not a .tflite: expected a TensorFlow Lite flatbuffer")
        try:
            self.model = schema().ModelT.InitFromPackedBuf(content, 0)
            self.main = self.model.subgraphs[0]
            _take_in(self.model.buffers, content)
            for code in self.model.operatorCodes:
                # Old files name the operation in a field of eight bits only, which newer tools do not read.
                code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
            self.tensors = [self._tensor(i) for i in range(len(self.main.tensors))]
            layers = self._layers()
            self.operations = [self._operation(i, layers[i]) for i in range(len(self.main.operators))]
            self.inputs = [self.tensors[i] for i in self.main.inputs]
            self.outputs = [self.tensors[i] for i in self.main.outputs]
        except WrongUseError:
            raise
        except Exception as error:
            # A damaged flatbuffer makes its reader raise whatever comes up: struct.error, IndexError, MemoryError.
            raise ModelError(f"{name} is damaged: its tables cannot be read ({type(error).__name__})") from error

    def pack(self) -> bytes:
        """The flatbuffer of `model` as it now is, every weight at a multiple of 16 bytes as schema.fbs asks."""
        aligned = _aligned_buffer(schema())
        for buffer in self.model.buffers:
            buffer.__class__ = aligned
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def float_tensors(self) -> list[Tensor]:
        """Every tensor that holds floating-point numbers."""
        return [tensor for tensor in self.tensors if tensor.is_float]

    def _tensor(self, index: int) -> Tensor:
        table = self.main.tensors[index]
        quantization = table.quantization
        scales = () if quantization is None or quantization.scale is None else tuple(map(float, quantization.scale))
        zero_points = (
            (0,) * len(scales)
            if quantization is None or quantization.zeroPoint is None
            else tuple(map(int, quantization.zeroPoint))
        )
        dtype = _names(schema().TensorType)[table.type]
        shape = tuple(map(int, () if table.shape is None else table.shape))
        signature = () if table.shapeSignature is None else tuple(map(int, table.shapeSignature))
        data = self.model.buffers[table.buffer].data
        is_constant = data is not None and len(data) > 0
        constant = None
        if is_constant and dtype in _NUMPY and table.sparsity is None:
            constant = np.frombuffer(bytes(bytearray(data)), _NUMPY[dtype]).reshape(shape)
        axis = 0 if quantization is None else int(quantization.quantizedDimension)
        name = (table.name or b"").decode("utf-8", "replace")
        free = tuple(i for i, size in enumerate(signature) if size < 0)
        # A damaged file may have fewer zero points than scales.
        zero_points += (0,) * (len(scales) - len(zero_points))
        return Tensor(index, name, dtype, shape, free, scales, zero_points, axis, is_constant, constant)

    def _layers(self) -> list[str]:
        """Each operation's layer; the number that Keras adds on export goes, unless it tells two apart."""
        whole = [
            layer_path(self.tensors[table.outputs[0]].name) if table.outputs is not None and len(table.outputs) else ""
            for table in self.main.operators
        ]
        meant: dict[str, set[str]] = {}
        for name in whole:
            meant.setdefault(_unnumbered(name), set()).add(name)
        return [_unnumbered(name) if len(meant[_unnumbered(name)]) == 1 else name for name in whole]

    def _operation(self, index: int, layer: str) -> Operation:
        table = self.main.operators[index]
        code = self.model.operatorCodes[table.opcodeIndex]
        kind = _names(schema().BuiltinOperator)[code.builtinCode]
        if kind == "CUSTOM":
            kind = (code.customCode or b"CUSTOM").decode("utf-8", "replace")
        inputs, outputs = (
            tuple(self.tensors[i] for i in (() if indices is None else indices) if i >= 0)
            for indices in (table.inputs, table.outputs)
        )
        return Operation(index, kind, layer, inputs, outputs, table.builtinOptions)


def _take_in(buffers: list[Any], content: bytes) -> None:
    """Weights that lie behind the flatbuffer, as newer writers put them, come inside: older runtimes look there."""
    for buffer in buffers:
        if buffer.size and buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0


def _aligned_buffer(tables: Any) -> Any:
    """The schema's Buffer, whose generated writer forgets that its data want `force_align: 16`."""

    class AlignedBuffer(tables.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> int:  # noqa: N802
            data = b"" if self.data is None else bytes(bytearray(self.data))
            vector = None
            if data:
                builder.StartVector(1, len(data), 16)
                builder.head -= len(data)
                builder.Bytes[builder.head : builder.head + len(data)] = data
                vector = builder.EndVector()
            tables.BufferStart(builder)
            if vector is not None:
                tables.BufferAddData(builder, vector)
            return int(tables.BufferEnd(builder))

    return AlignedBuffer


@cache
def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


def layer_path(tensor_name: str) -> str:
    """The layer's own name out of a tensor's.

    TensorFlow calls the output of a convolution that absorbed its normalisation and activation
    `net_1/stem_relu_1/Relu;net_1/stem_1/convolution1`: the layer is `stem_1`.
    """
    paths = [[part for part in path.split("/") if part and part != "batchnorm"] for path in tensor_name.split(";")]
    named = [path for path in paths if len(path) > 1]
    if not named:
        return tensor_name
    working = [path for path in named if path[-1].lower().startswith(("conv", "matmul", "depthwise"))]
    return (working or named)[0][-2]


def _unnumbered(layer: str) -> str:
    name, _, number = layer.rpartition("_")
    return name if name and number.isdigit() else layer


def ensure_signature(graph: Graph) -> None:
    """See to it that there is a SignatureDef, by whose names tools feed a model.

    Converters of years ago wrote none (BlazeFace's weights have none), and the quantiser insists on one.
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


def as_quantiser_reads_it(content: bytes) -> bytes:
    """The graph as a quantiser reads it: one batch; weights that it stores in float16 become float32."""
    graph = Graph(content, "the float graph")
    tables, left = schema(), []
    for operation, table in zip(graph.operations, graph.main.operators, strict=True):
        half = operation.inputs[0] if operation.kind == "DEQUANTIZE" else None
        if half is None or half.constant is None or half.dtype != "FLOAT16":
            left.append(table)
            continue
        buffer = tables.BufferT()
        buffer.data = np.frombuffer(half.constant.astype(np.float32).tobytes(), np.uint8)
        graph.model.buffers.append(buffer)
        graph.main.tensors[operation.outputs[0].index].buffer = len(graph.model.buffers) - 1
        graph.model.buffers[graph.main.tensors[half.index].buffer].data = None
    graph.main.operators = left
    for tensor in graph.main.tensors:
        # A batch that may vary: we have one face at a time, and its shape says so already.
        tensor.shapeSignature = None
    return graph.pack()


def take_pixels(content: bytes) -> bytes:
    """Give an int8 graph the contract's input: uint8 pixels, scale 1, zero point 0.

    A QUANTIZE operation in front turns them into the int8 that its first layer takes; with the same scale that
    is a shift by 128 and loses nothing.

    Raises:
        ModelError: the int8 input is not one code a pixel.
    """
    tables = schema()
    graph = Graph(content, "the int8 graph")
    before = graph.inputs[0]
    if before.dtype != "INT8" or before.scales != (1.0,) or before.zero_points != (-128,):
        raise ModelError(
            f"the int8 graph takes {before.dtype}, scale {before.scales}, zero point {before.zero_points}: expected "
            "INT8, 1 and -128"
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
