"""Reads the operators and the weights of an ONNX file without the package onnx.

An ONNX file is a protocol buffer (github.com/onnx/onnx, onnx/onnx.proto): a sequence of fields, each a key
(`number << 3 | wire type`) and a value. Only the few fields that describe a convolutional network are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import DetectorError

# Numbers of the fields in onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE = 1, 2, 4
_TENSOR_DIMS, _TENSOR_DATA_TYPE, _TENSOR_FLOAT_DATA, _TENSOR_NAME, _TENSOR_RAW_DATA = 1, 2, 4, 8, 9
#: TensorProto.DataType.FLOAT
_FLOAT = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        kind: its name, such as `Conv`.
        inputs, outputs: names of values and weights.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """The main graph of a file.

    Attributes:
        nodes: the operators in the order of execution.
        weights: name to value, float32; constants of other types are left out.
    """

    nodes: tuple[Node, ...]
    weights: dict[str, npt.NDArray[np.float32]]


def read_onnx(content: bytes, name: str) -> OnnxGraph:
    """Parse the bytes of an ONNX file.

    Args:
        content: the file.
        name: what errors call it.

    Raises:
        DetectorError: the bytes are not an ONNX file.
    """
    try:
        graphs = [value for number, value in _fields(memoryview(content)) if number == _MODEL_GRAPH]
        nodes, weights = [], {}
        for number, value in _fields(_message(graphs[0])):
            if number == _GRAPH_NODE:
                nodes.append(_node(_message(value)))
            elif number == _GRAPH_INITIALIZER:
                tensor = _tensor(_message(value))
                if tensor is not None:
                    weights[tensor[0]] = tensor[1]
    except (IndexError, ValueError, TypeError, OverflowError) as error:
        raise DetectorError(f"{name} is not an ONNX file, or it is damaged: expected a protocol buffer") from error
    return OnnxGraph(tuple(nodes), weights)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire = key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length, position = _varint(message, position)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if length > len(message) - position:
            raise ValueError("a field ends beyond its message")
        yield key >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a number has more than 64 bits")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("expected a message")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode()


def _node(message: memoryview) -> Node:
    inputs, outputs, kind = [], [], ""
    for number, value in _fields(message):
        if number == _NODE_INPUT:
            inputs.append(_text(value))
        elif number == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == _NODE_OP_TYPE:
            kind = _text(value)
    return Node(kind, tuple(inputs), tuple(outputs))


def _tensor(message: memoryview) -> tuple[str, npt.NDArray[np.float32]] | None:
    """Return the name and the value of a tensor; None if it is not float32."""
    dims: list[int] = []
    name, data_type, data = "", 0, b""
    for number, value in _fields(message):
        if number == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == _TENSOR_DATA_TYPE and isinstance(value, int):
            data_type = value
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number in (_TENSOR_RAW_DATA, _TENSOR_FLOAT_DATA):
            data += bytes(_message(value))
    if data_type != _FLOAT:
        return None
    return name, np.frombuffer(data, "<f4").reshape(dims).astype(np.float32)


def _packed(numbers: memoryview) -> list[int]:
    values, position = [], 0
    while position < len(numbers):
        value, position = _varint(numbers, position)
        values.append(value)
    return values
