"""Writes YuNet (Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, 2023) as a .tflite flatbuffer.

OpenCV Zoo publishes YuNet as an ONNX file. Its network is small and always the same, so that it is written here
operator by operator with the weights of that file; neither tensorflow nor onnx is needed. Three things differ from
the ONNX graph, and none of them changes a result:

- Tensors are `(n, h, w, channels)`, as LiteRT has them.
- The four heads of a level (class, object, box, key points) read the same features. Their convolutions are joined
  into one of 16 channels: class 0, object 1, box 2 to 5, key points 6 to 15. The sigmoids are left to the decoder,
  which computes them only for what passes the threshold.
- The nearest-neighbor upsampling is a concatenation of four copies and DEPTH_TO_SPACE, which needs no constant size:
  the graph can be resized to any height and width that are multiples of 32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.detection.onnx_file import OnnxGraph, read_onnx
from edge.errors import DetectorError
from edge.inference.flatbuffer import pack_model, schema

Floats = npt.NDArray[np.float32]

#: Pixels of the input per cell of each level.
STRIDES = (8, 16, 32)
#: Channels of each level's output.
OUTPUT_CHANNELS = 16
#: Height and width of the input as the file declares it; interpreters resize it.
DEFAULT_SIZE = 320
# The layers as pairs of a 1x1 convolution without activation and a 3x3 depthwise convolution.
#: Channels (in, out) of the pairs of the backbone's stages; a 2x2 max pooling follows stages 0, 2, 3 and 4.
_STAGES = (
    ((16, 16),),
    ((16, 16), (16, 32)),
    ((32, 32), (32, 64)),
    ((64, 64), (64, 64)),
    ((64, 64), (64, 64)),
    ((64, 64), (64, 64)),
)
_POOLED_STAGES = (0, 2, 3, 4)
_FEATURES = 64
#: Channels of the heads, in the order of the ONNX file: class, box, object, key points.
_HEADS = {"cls": 1, "bbox": 4, "obj": 1, "kps": 10}
#: Their order in the joined output.
_JOINED = ("cls", "obj", "bbox", "kps")


def yunet_graph(content: bytes, name: str) -> bytes:
    """Return YuNet as a .tflite: input `[1, h, w, 3]` float32 BGR 0..255, one output per stride.

    The outputs are `[1, h / stride, w / stride, 16]` float32: logits of class and object, then the box's center x
    and y relative to the cell, the logarithms of its width and height, and five key points x, y relative to the
    cell, all in units of the stride.

    Args:
        content: the bytes of `face_detection_yunet_2023mar.onnx` or `face_detection_yunet_2026may.onnx`.
        name: what errors call it.

    Raises:
        DetectorError: the bytes are not an ONNX file of YuNet.
        WrongUseError: LiteRT's package, which contains the schema, is not installed.
    """
    layers = _layers(read_onnx(content, name), name)
    writer = _Writer()
    image = writer.tensor("image", (1, DEFAULT_SIZE, DEFAULT_SIZE, 3))
    # The ONNX file pads one pixel on each side; TensorFlow's SAME would pad the right and bottom alone.
    kernel, bias = next(layers)
    value = writer.convolution(writer.pad(image), kernel, bias, stride=2, padding="VALID", relu=True)
    levels = []
    for stage, pairs in enumerate(_STAGES):
        for _ in pairs:
            value = writer.pair(value, next(layers), next(layers), relu=True)
        if stage >= len(_STAGES) - len(STRIDES):
            levels.append(value)
        if stage in _POOLED_STAGES:
            value = writer.max_pool(value)
    fine, middle, coarse = levels
    coarse = writer.pair(coarse, next(layers), next(layers), relu=True)
    middle = writer.pair(writer.add(middle, writer.upsample(coarse)), next(layers), next(layers), relu=True)
    fine = writer.pair(writer.add(fine, writer.upsample(middle)), next(layers), next(layers), relu=True)
    heads: dict[str, list[tuple[tuple[Floats, Floats], tuple[Floats, Floats]]]] = {
        head: [(next(layers), next(layers)) for _ in STRIDES] for head in _HEADS
    }
    for level, features in enumerate((fine, middle, coarse)):
        joined = [heads[head][level] for head in _JOINED]
        pointwise, depthwise = (
            (np.concatenate([pair[i][0] for pair in joined]), np.concatenate([pair[i][1] for pair in joined]))
            for i in (0, 1)
        )
        writer.outputs.append(writer.pair(features, pointwise, depthwise, relu=False))
    return writer.pack(image)


def _layers(graph: OnnxGraph, name: str) -> Iterator[tuple[Floats, Floats]]:
    """Return an iterator over weights `(out, in, k, k)` and biases `(out,)` of the convolutions, after a check."""
    convolutions = [node for node in graph.nodes if node.kind == "Conv"]
    found = []
    for node in convolutions:
        kernel, bias = (graph.weights.get(weights) for weights in (*node.inputs[1:3], "", "")[:2])
        if kernel is None or bias is None:
            break
        found.append((kernel, bias))
    if [kernel.shape for kernel, _ in found] != _shapes() or any(len(b) != len(k) for k, b in found):
        raise DetectorError(
            f"{name} is not YuNet: expected the convolutions of OpenCV Zoo's face_detection_yunet_2023mar.onnx or "
            f"_2026may.onnx. Received: {len(convolutions)} convolutions"
        )
    return iter(found)


def _shapes() -> list[tuple[int, ...]]:
    """Return the shapes of all convolutions' weights in the order of the ONNX file."""

    def pair(channels: int, out: int) -> list[tuple[int, ...]]:
        return [(out, channels, 1, 1), (out, 1, 3, 3)]

    shapes: list[tuple[int, ...]] = [(16, 3, 3, 3)]
    for pairs in _STAGES:
        for channels, out in pairs:
            shapes += pair(channels, out)
    for _ in STRIDES:
        shapes += pair(_FEATURES, _FEATURES)
    for channels in _HEADS.values():
        shapes += pair(_FEATURES, channels) * len(STRIDES)
    return shapes


class _Writer:
    """Collects the tables of a graph; its methods append one operator and return the index of its result."""

    def __init__(self) -> None:
        self._s = schema()
        self._graph = self._s.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._buffers = [self._s.BufferT()]
        self._codes: dict[int, int] = {}
        self._shapes: list[tuple[int, ...]] = []
        self.outputs: list[int] = []

    def tensor(self, name: str, shape: tuple[int, ...], value: Any = None) -> int:
        table, kinds = self._s.TensorT(), self._s.TensorType
        table.name, table.shape, table.buffer = name.encode(), list(shape), 0
        table.type = kinds.FLOAT32 if value is None or value.dtype == np.float32 else kinds.INT32
        if value is None:
            table.shapeSignature = [shape[0], -1, -1, shape[3]]
        if value is not None:
            data = self._s.BufferT()
            data.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
            table.buffer = len(self._buffers)
            self._buffers.append(data)
        self._graph.tensors.append(table)
        self._shapes.append(shape)
        return len(self._graph.tensors) - 1

    def convolution(
        self, value: int, kernel: Floats, bias: Floats, stride: int = 1, padding: str = "SAME", relu: bool = False
    ) -> int:
        options = self._s.Conv2DOptionsT()
        self._set_convolution(options, stride, padding, relu)
        height, width = self._size(value, kernel.shape[2], stride, padding)
        return self._append(
            "CONV_2D",
            (value, self._constant(kernel.transpose(0, 2, 3, 1)), self._constant(bias)),
            (1, height, width, len(kernel)),
            options,
        )

    def depthwise(self, value: int, kernel: Floats, bias: Floats, relu: bool) -> int:
        options = self._s.DepthwiseConv2DOptionsT()
        self._set_convolution(options, 1, "SAME", relu)
        options.depthMultiplier = 1
        return self._append(
            "DEPTHWISE_CONV_2D",
            (value, self._constant(kernel.transpose(1, 2, 3, 0)), self._constant(bias)),
            self._shapes[value],
            options,
        )

    def pair(self, value: int, pointwise: tuple[Floats, Floats], depthwise: tuple[Floats, Floats], relu: bool) -> int:
        return self.depthwise(self.convolution(value, *pointwise), *depthwise, relu)

    def pad(self, value: int) -> int:
        n, height, width, channels = self._shapes[value]
        sizes = self._constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
        return self._append("PAD", (value, sizes), (n, height + 2, width + 2, channels), self._s.PadOptionsT())

    def max_pool(self, value: int) -> int:
        options = self._s.Pool2DOptionsT()
        self._set_stride(options, 2, "VALID", relu=False)
        options.filterHeight = options.filterWidth = 2
        n, height, width, channels = self._shapes[value]
        return self._append("MAX_POOL_2D", (value,), (n, height // 2, width // 2, channels), options)

    def upsample(self, value: int) -> int:
        n, height, width, channels = self._shapes[value]
        joined = self._s.ConcatenationOptionsT()
        joined.axis = 3
        copies = self._append("CONCATENATION", (value,) * 4, (n, height, width, 4 * channels), joined)
        options = self._s.DepthToSpaceOptionsT()
        options.blockSize = 2
        return self._append("DEPTH_TO_SPACE", (copies,), (n, 2 * height, 2 * width, channels), options)

    def add(self, left: int, right: int) -> int:
        return self._append("ADD", (left, right), self._shapes[left], self._s.AddOptionsT())

    def pack(self, image: int) -> bytes:
        self._graph.inputs, self._graph.outputs = [image], self.outputs
        model = self._s.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [self._graph], self._buffers
        model.description = b"YuNet, MIT License, Copyright (c) 2020 Shiqi Yu"
        model.operatorCodes = []
        for code in self._codes:
            table = self._s.OperatorCodeT()
            table.builtinCode = table.deprecatedBuiltinCode = code
            table.version = 1
            model.operatorCodes.append(table)
        return pack_model(model)

    def _constant(self, value: npt.NDArray[Any]) -> int:
        return self.tensor(f"constant_{len(self._shapes)}", value.shape, value)

    def _append(self, kind: str, inputs: tuple[int, ...], shape: tuple[int, ...], options: Any) -> int:
        code = getattr(self._s.BuiltinOperator, kind)
        table = self._s.OperatorT()
        table.opcodeIndex = self._codes.setdefault(code, len(self._codes))
        result = self.tensor(f"{kind.lower()}_{len(self._shapes)}", shape)
        table.inputs, table.outputs = list(inputs), [result]
        table.builtinOptions = options
        table.builtinOptionsType = getattr(self._s.BuiltinOptions, type(options).__name__[:-1])
        self._graph.operators.append(table)
        return result

    def _set_convolution(self, options: Any, stride: int, padding: str, relu: bool) -> None:
        self._set_stride(options, stride, padding, relu)
        options.dilationHFactor = options.dilationWFactor = 1

    def _set_stride(self, options: Any, stride: int, padding: str, relu: bool) -> None:
        options.padding = getattr(self._s.Padding, padding)
        options.strideH = options.strideW = stride
        kinds = self._s.ActivationFunctionType
        options.fusedActivationFunction = kinds.RELU if relu else kinds.NONE

    def _size(self, value: int, kernel: int, stride: int, padding: str) -> tuple[int, int]:
        _, height, width, _ = self._shapes[value]
        if padding == "SAME":
            return height, width
        return (height - kernel) // stride + 1, (width - kernel) // stride + 1
