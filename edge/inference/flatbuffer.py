"""Reads and changes the tables of a .tflite flatbuffer, without tensorflow: LiteRT's package contains the schema."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edge.errors import ModelError, WrongUseError
from edge.inference.unpacked_size import check_unpacked_size

#: The file identifier that TensorFlow's schema.fbs declares.
FILE_IDENTIFIER = b"TFL3"


def schema() -> Any:
    """Return the module with the classes of the flatbuffer's tables, from LiteRT's package.

    Raises:
        WrongUseError: LiteRT's package is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        # With tflite-runtime alone, a board can run models but cannot parse them.
        raise WrongUseError("this needs ai-edge-litert, which is not installed: pip install ai-edge-litert") from error
    return schema_py_generated


def count(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a tensor of this shape."""
    return abs(math.prod(shape))


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: its position in the list of tensors of the subgraph.
        name: the name in the flatbuffer.
        dtype: the name of its type in the schema: `INT8`, `FLOAT32`, ...
        shape: the shape for which memory is planned.
        free: indices of dimensions that may vary from call to call.
        scales, zero_points: one for the whole tensor or one per channel; empty if it is not quantized.
        axis: index of the dimension of the channels, if there are several scales.
        is_constant: whether the file contains its value.
        constant: that value; None for computed tensors, and for storage formats that numpy lacks (INT4, sparse).
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
        """Size of its elements in bytes."""
        bits = _BITS.get(self.dtype, 0)
        return (math.prod(self.shape) * bits + 7) // 8

    def real_values(self) -> np.ndarray:
        """Return the value of a constant, dequantized, as float32."""
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
    """One operation of a graph.

    Attributes:
        index: its position in the order of execution.
        kind: the name of the operator in the schema, such as `CONV_2D`.
        layer: name of the layer from which it was exported.
        inputs, outputs: its tensors.
        options: the schema's table of options, such as strides.
    """

    index: int
    kind: str
    layer: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Any

    @property
    def weights(self) -> Tensor | None:
        """The constant tensor that its input is multiplied by; None if there is none."""
        # The first input of a transposed convolution is the shape of its output.
        if self.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
            return None
        return self.inputs[1] if self.inputs[1].is_constant else None

    @property
    def macs(self) -> int:
        """Number of multiply-accumulate operations; 0 for operators other than convolutions and matrix products."""
        if self.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL"):
            return 0
        weights, out = self.inputs[1].shape, self.outputs[0].shape
        if self.kind == "BATCH_MATMUL":
            left = self.inputs[0].shape
            return count(out) * (left[-2] if getattr(self.options, "adjX", False) else left[-1])
        if self.kind == "FULLY_CONNECTED":
            return count(out[:-1]) * count(weights)
        if self.kind == "DEPTHWISE_CONV_2D":
            return count(out) * count(weights[1:3])
        if self.kind == "TRANSPOSE_CONV":
            return count(self.inputs[2].shape) * weights[0] * count(weights[1:3])
        return count(out) * count(weights[1:])


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
    """A parsed .tflite: its first (main) subgraph.

    Args:
        content: the flatbuffer, without an appended model card.
        name: name of the model in error messages.

    Attributes:
        model: the tables of the whole file, which `pack` serializes.
        main: the table of the main subgraph.
        tensors: all tensors of the main subgraph.
        operations: all operations, in the order of execution.
        inputs, outputs: tensors of the main subgraph.

    Raises:
        ModelError: the bytes are not a valid TensorFlow Lite flatbuffer.
    """

    def __init__(self, content: bytes, name: str) -> None:
        if content[4:8] != FILE_IDENTIFIER:
            raise ModelError(f"{name} is not a .tflite: expected a TensorFlow Lite flatbuffer")
        try:
            root = schema().Model.GetRootAs(content, 0)
            check_unpacked_size(root, len(content))
            self.model = schema().ModelT.InitFromObj(root)
            self.main = self.model.subgraphs[0]
            _move_inside(self.model.buffers, content)
            for code in self.model.operatorCodes:
                # Old files give the operator only in a field of eight bits, which newer tools do not read.
                code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
            self.tensors = [self._tensor(i) for i in range(len(self.main.tensors))]
            layers = self._layers()
            self.operations = [self._operation(i, layers[i]) for i in range(len(self.main.operators))]
            self.inputs = [self.tensors[i] for i in self.main.inputs]
            self.outputs = [self.tensors[i] for i in self.main.outputs]
        except WrongUseError:
            raise
        except Exception as error:
            # On a damaged flatbuffer its reader raises any kind of error: struct.error, IndexError, MemoryError.
            raise ModelError(f"{name} is damaged: its tables cannot be read ({type(error).__name__})") from error

    def pack(self) -> bytes:
        """Serialize the current `model`; see `pack_model`."""
        return pack_model(self.model)

    def float_tensors(self) -> list[Tensor]:
        """Return all tensors of floating-point numbers."""
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
        """Return the layer of each operation, without the number that Keras adds on export where that stays unique."""
        full_names = [
            layer_path(self.tensors[table.outputs[0]].name) if table.outputs is not None and len(table.outputs) else ""
            for table in self.main.operators
        ]
        by_short_name: dict[str, set[str]] = {}
        for name in full_names:
            by_short_name.setdefault(_unnumbered(name), set()).add(name)
        return [_unnumbered(name) if len(by_short_name[_unnumbered(name)]) == 1 else name for name in full_names]

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


def pack_model(model: Any) -> bytes:
    """Serialize the tables of a file, with all weights aligned to 16 bytes as schema.fbs requires.

    Args:
        model: the schema's `ModelT`.
    """
    # A dependency of LiteRT's package, but not of tflite-runtime.
    import flatbuffers

    aligned = _aligned_buffer(schema())
    for buffer in model.buffers:
        buffer.__class__ = aligned
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _move_inside(buffers: list[Any], content: bytes) -> None:
    """Move weights that newer writers store behind the flatbuffer into it, where older runtimes expect them."""
    for buffer in buffers:
        if buffer.size and buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0


def _aligned_buffer(tables: Any) -> Any:
    """Return the schema's class Buffer with a writer that respects `force_align: 16`, which the generated one omits."""

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


def schema_name(enumeration: str, value: int) -> str:
    """Return the name of a value of one of the schema's enumerations, such as `SAME` of `Padding`."""
    return _names(getattr(schema(), enumeration))[value]


@cache
def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


def layer_path(tensor_name: str) -> str:
    """Return the name of the layer from the name of a tensor.

    TensorFlow names the output of a convolution into which normalization and activation were fused
    `net_1/stem_relu_1/Relu;net_1/stem_1/convolution1`: the layer is `stem_1`.
    """
    paths = [[part for part in path.split("/") if part and part != "batchnorm"] for path in tensor_name.split(";")]
    named = [path for path in paths if len(path) > 1]
    if not named:
        return tensor_name
    with_weights = [path for path in named if path[-1].lower().startswith(("conv", "matmul", "depthwise"))]
    return (with_weights or named)[0][-2]


def _unnumbered(layer: str) -> str:
    name, _, number = layer.rpartition("_")
    return name if name and number.isdigit() else layer
