"""The portable network: a graph as a C function that calls one kernel after another, on memory planned in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.micro.c_text import c_array, c_comment
from convert.micro.quantized_math import (
    ADDITION_SHIFT,
    activation_range,
    mean_multiplier,
    quantize_multiplier,
    softmax_constants,
)
from convert.micro.tensor_memory import RESHAPES, MemoryPlan, plan_memory
from convert.padding import same_padding
from edge.errors import ModelError
from edge.inference.flatbuffer import Graph, Operation, Tensor, count, schema_name

#: The tables of mien_kernels.h have sizes of 16 bits, and these fields of 32.
_LARGEST = 32_767
_WIDE = ("count", "multiplier")


class NotPortableError(ModelError):
    """The portable kernels do not have an operation of a graph, or not with its options."""


class _UnsupportedError(Exception):
    """Of one operation: what the kernels do not have."""


@dataclass(frozen=True)
class NetworkSource:
    """The C source of a network.

    Attributes:
        text: the content of `mien_network.c`.
        arena_bytes: memory for the computed tensors.
        table_bytes: constants in flash, besides the model array.
    """

    text: str
    arena_bytes: int
    table_bytes: int


def network_source(graph: Graph, content: bytes) -> NetworkSource:
    """Return the C source of a graph.

    Args:
        graph: an int8 graph with the contract's input.
        content: the flatbuffer that it was parsed from: the weights are read from where they lie in it.

    Raises:
        NotPortableError: an operation is not one of the portable kernels.
    """
    return _Writer(graph, content).source()


class _Writer:
    def __init__(self, graph: Graph, content: bytes) -> None:
        self._graph, self._content = graph, content
        self._plan: MemoryPlan = plan_memory(graph)
        self._tables: list[str] = []
        self._calls: list[str] = []
        self._table_bytes = 0

    def source(self) -> NetworkSource:
        for operation in self._graph.operations:
            write = _OPERATIONS.get(operation.kind)
            if write is None:
                raise NotPortableError(f"{operation.kind} (layer {operation.layer})")
            try:
                write(self, operation)
            except _UnsupportedError as error:
                raise NotPortableError(f"{operation.kind} with {error} (layer {operation.layer})") from error
        output = self._graph.outputs[0]
        text = "\n".join(
            [
                "/* The network, layer by layer. Written by `mien convert micro`. */",
                '#include "mien_network.h"',
                "",
                "#ifndef MIEN_USE_TFLM",
                "",
                "#include <stddef.h>",
                "",
                '#include "mien_kernels.h"',
                '#include "mien_model.h"',
                "",
                f"static MIEN_ALIGNED int8_t memory[{self._plan.size_bytes}];",
                "",
                *self._tables,
                "",
                "const int8_t *mien_run_network(const uint8_t *pixels) {",
                *(f"  {call}" for call in self._calls),
                f"  return {self._place(output)};",
                "}",
                "",
                "#endif",
                "",
            ]
        )
        return NetworkSource(text, self._plan.size_bytes, self._table_bytes)

    # One method for each kernel.

    def convolution(self, operation: Operation) -> None:
        tensor, weights, output = self._three(operation)
        self._convolve(
            operation, "convolution", tensor.shape[1:], output.shape[1:], weights.shape[1:],
            self._window(operation, weights.shape[1:3]), 0,
        )  # fmt: skip

    def depthwise(self, operation: Operation) -> None:
        tensor, weights, output = self._three(operation)
        self._convolve(
            operation, "depthwise", tensor.shape[1:], output.shape[1:], (*weights.shape[1:3], 1),
            self._window(operation, weights.shape[1:3]), output.shape[3] // tensor.shape[3],
        )  # fmt: skip

    def dense(self, operation: Operation) -> None:
        tensor, weights, _ = self._three(operation)
        outputs, inputs = weights.shape
        # A dense layer is a convolution of single pixels: one for each row.
        rows = count(tensor.shape) // inputs
        window = {"stride_y": 1, "stride_x": 1, "dilation_y": 1, "dilation_x": 1, "pad_top": 0, "pad_left": 0}
        self._convolve(operation, "convolution", (1, rows, inputs), (1, rows, outputs), (1, 1, inputs), window, 0)

    def _convolve(
        self,
        operation: Operation,
        kernel_name: str,
        size: Sequence[int],
        output_size: Sequence[int],
        kernel: Sequence[int],
        window: Mapping[str, int],
        channel_multiplier: int,
    ) -> None:
        tensor, weights, output = self._three(operation)
        bias = operation.inputs[2] if len(operation.inputs) > 2 else None
        scale, zero_point = self._scale(tensor)
        output_scale, output_zero_point = self._scale(output)
        channels = output_size[2]
        if any(weights.zero_points):
            raise _UnsupportedError("asymmetric weights")
        scales = weights.scales if len(weights.scales) > 1 else weights.scales * channels
        if operation.kind == "FULLY_CONNECTED" and len(weights.scales) == 1 and bias is None:
            # TensorFlow Lite multiplies these two as float32.
            products = [float(np.float32(scale) * np.float32(weights.scales[0]))] * channels
        else:
            products = [scale * each for each in scales]
        multipliers = [quantize_multiplier(product / output_scale) for product in products]
        name = f"layer_{operation.index}"
        self._tables += [
            f"static const int32_t {name}_multipliers[] = {{",
            c_array(multiplier for multiplier, _ in multipliers),
            "};",
            f"static const int8_t {name}_shifts[] = {{",
            c_array(shift for _, shift in multipliers),
            "};",
        ]
        self._table_bytes += 5 * channels
        fields = {
            **dict(zip(("input_height", "input_width", "input_depth"), size, strict=True)),
            **dict(zip(("output_height", "output_width", "output_depth"), output_size, strict=True)),
            **dict(zip(("kernel_height", "kernel_width", "kernel_depth"), kernel, strict=True)),
            **window,
            "channel_multiplier": channel_multiplier,
            "input_zero_point": zero_point,
            "output_zero_point": output_zero_point,
            **self._range(operation, output_scale, output_zero_point),
            "weights": f"(const int8_t *)(mien_model + {self._offset(weights)})",
            "bias": "NULL" if bias is None else f"(const int32_t *)(const void *)(mien_model + {self._offset(bias)})",
            "multipliers": f"{name}_multipliers",
            "shifts": f"{name}_shifts",
        }
        self._add(operation, kernel_name, "convolution", fields, tensor)

    def pooling(self, operation: Operation) -> None:
        tensor, output, options = operation.inputs[0], operation.outputs[0], operation.options
        scale, zero_point = self._same_scale(tensor, output)
        kernel = (options.filterHeight, options.filterWidth)
        window = self._window(operation, kernel)
        fields = {
            **dict(zip(("input_height", "input_width", "depth"), tensor.shape[1:], strict=True)),
            **dict(zip(("output_height", "output_width"), output.shape[1:3], strict=True)),
            **dict(zip(("kernel_height", "kernel_width"), kernel, strict=True)),
            **{name: size for name, size in window.items() if not name.startswith("dilation")},
            **self._range(operation, scale, zero_point),
        }
        name = "max_pooling" if operation.kind == "MAX_POOL_2D" else "average_pooling"
        self._add(operation, name, "pooling", fields, tensor)

    def addition(self, operation: Operation) -> None:
        a, b, output = self._operands(operation)
        (scale_a, zero_a), (scale_b, zero_b), (scale, zero_point) = map(self._scale, (a, b, output))
        largest = 2 * max(scale_a, scale_b)
        fields: dict[str, object] = {"count": count(a.shape), "count_b": count(b.shape)}
        for name, real in (
            ("a", scale_a / largest),
            ("b", scale_b / largest),
            ("out", largest / (2**ADDITION_SHIFT * scale)),
        ):
            fields[f"multiplier_{name}"], fields[f"shift_{name}"] = quantize_multiplier(real)
        fields |= {
            "zero_point_a": zero_a,
            "zero_point_b": zero_b,
            "output_zero_point": zero_point,
            **self._range(operation, scale, zero_point),
        }
        self._add(operation, "addition", "addition", fields, a, b)

    def multiplication(self, operation: Operation) -> None:
        a, b, output = self._operands(operation)
        (scale_a, zero_a), (scale_b, zero_b), (scale, zero_point) = map(self._scale, (a, b, output))
        multiplier, shift = quantize_multiplier(scale_a * scale_b / scale)
        fields = {
            "count": count(a.shape),
            "count_b": count(b.shape),
            "multiplier": multiplier,
            "shift": shift,
            "zero_point_a": zero_a,
            "zero_point_b": zero_b,
            "output_zero_point": zero_point,
            **self._range(operation, scale, zero_point),
        }
        self._add(operation, "multiplication", "multiplication", fields, a, b)

    def averaging(self, operation: Operation) -> None:
        tensor, axes, output = operation.inputs[0], operation.inputs[1], operation.outputs[0]
        if axes.constant is None or len(tensor.shape) != 4 or {int(a) % 4 for a in axes.constant.ravel()} != {1, 2}:
            raise _UnsupportedError("other axes than height and width")
        (scale, zero_point), (output_scale, output_zero_point) = self._scale(tensor), self._scale(output)
        pixels = tensor.shape[1] * tensor.shape[2]
        multiplier, shift = mean_multiplier(scale / output_scale, pixels)
        fields = {
            "pixels": pixels,
            "depth": tensor.shape[3],
            "input_zero_point": zero_point,
            "output_zero_point": output_zero_point,
            "multiplier": multiplier,
            "shift": shift,
        }
        self._add(operation, "averaging", "averaging", fields, tensor)

    def rescaling(self, operation: Operation) -> None:
        tensor, output = operation.inputs[0], operation.outputs[0]
        (scale, zero_point), (output_scale, output_zero_point) = self._scale(tensor), self._scale(output)
        multiplier, shift = quantize_multiplier(scale / output_scale)
        activation = operation.kind if operation.kind.startswith("RELU") else "NONE"
        minimum, maximum = activation_range(activation, output_scale, output_zero_point)
        fields = {
            "count": count(output.shape),
            "multiplier": multiplier,
            "shift": shift,
            "input_zero_point": zero_point,
            "output_zero_point": output_zero_point,
            "minimum": minimum,
            "maximum": maximum,
        }
        is_pixels = tensor.dtype == "UINT8"
        if is_pixels and tensor.index != self._graph.inputs[0].index:
            raise _UnsupportedError("uint8 inside the graph")
        self._add(operation, "pixels" if is_pixels else "rescaling", "rescaling", fields, tensor)

    def padding(self, operation: Operation) -> None:
        tensor, pads = operation.inputs[0], operation.inputs[1].constant
        if pads is None or len(tensor.shape) != 4 or pads[0].any() or pads[3].any():
            raise _UnsupportedError("other axes than height and width")
        _, zero_point = self._same_scale(tensor, operation.outputs[0])
        fields = {
            **dict(zip(("height", "width", "depth"), tensor.shape[1:], strict=True)),
            **dict(zip(("top", "bottom", "left", "right"), (*pads[1], *pads[2]), strict=True)),
            "value": zero_point,
        }
        self._add(operation, "padding", "padding", fields, tensor)

    def softmax(self, operation: Operation) -> None:
        tensor, output = operation.inputs[0], operation.outputs[0]
        if count(tensor.shape) != tensor.shape[-1] or self._scale(output) != (1 / 256, -128):
            raise _UnsupportedError("another output than [1, N] of scale 1/256")
        multiplier, shift, smallest = softmax_constants(operation.options.beta, self._scale(tensor)[0])
        fields = {
            "depth": tensor.shape[-1],
            # No difference of two int8 codes is greater.
            "diff_min": max(smallest, -255),
            "multiplier": multiplier,
            "left_shift": shift,
        }
        self._add(operation, "softmax", "softmax", fields, tensor)

    def concatenation(self, operation: Operation) -> None:
        output = operation.outputs[0]
        if operation.options.axis % len(output.shape) != len(output.shape) - 1:
            raise _UnsupportedError("another axis than the last")
        first = 0
        for tensor in operation.inputs:
            self._same_scale(tensor, output)
            self._calls.append(
                f"mien_run_concatenation({count(tensor.shape[:-1])}, {tensor.shape[-1]}, {first}, {output.shape[-1]}, "
                f"{self._place(tensor)}, {self._place(output)});"
            )
            first += tensor.shape[-1]

    def reshape(self, operation: Operation) -> None:
        """Nothing is computed: the plan has both tensors in one place."""

    # Parts.

    def _add(
        self, operation: Operation, kernel: str, table: str, fields: Mapping[str, object], *inputs: Tensor
    ) -> None:
        if any(isinstance(v, int) and v > _LARGEST and not k.startswith(_WIDE) for k, v in fields.items()):
            raise _UnsupportedError(f"a size above {_LARGEST:,}")
        name = f"layer_{operation.index}"
        designated = [f".{field} = {value}" for field, value in fields.items()]
        self._tables += [
            f"/* {operation.kind}, {c_comment(operation.layer)} */",
            f"static const mien_{table} {name} = {{",
            c_array(designated),
            "};",
        ]
        self._table_bytes += 4 * len(fields)
        places = ", ".join(self._place(tensor) for tensor in (*inputs, operation.outputs[0]))
        self._calls.append(f"mien_run_{kernel}(&{name}, {places});")

    def _place(self, tensor: Tensor) -> str:
        if tensor.index == self._graph.inputs[0].index:
            return "pixels"
        if tensor.is_constant:
            return f"(const int8_t *)(mien_model + {self._offset(tensor)})"
        return f"memory + {self._plan.offsets[tensor.index]}"

    def _offset(self, tensor: Tensor) -> int:
        """Return where the value of a constant lies in the flatbuffer."""
        if tensor.constant is None or tensor.dtype not in ("INT8", "INT32"):
            raise _UnsupportedError(f"{tensor.dtype} constants")
        value = tensor.constant.tobytes()
        offset = self._content.find(value)
        # Small arrays may occur by chance at another, unaligned place.
        while offset >= 0 and offset % tensor.constant.itemsize:
            offset = self._content.find(value, offset + 1)
        if offset < 0:
            raise _UnsupportedError("constants that are not aligned")
        return offset

    def _window(self, operation: Operation, kernel: Sequence[int]) -> dict[str, int]:
        """Return the strides, the dilations, and the padding at the top and on the left."""
        options, size, output = operation.options, operation.inputs[0].shape, operation.outputs[0].shape
        strides = options.strideH, options.strideW
        dilations = getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1)
        same = schema_name("Padding", options.padding) == "SAME"
        top, left = (
            same_padding(size[1 + i], output[1 + i], kernel[i], strides[i], dilations[i])[0] if same else 0
            for i in range(2)
        )
        return {
            "stride_y": strides[0],
            "stride_x": strides[1],
            "dilation_y": dilations[0],
            "dilation_x": dilations[1],
            "pad_top": top,
            "pad_left": left,
        }

    @staticmethod
    def _range(operation: Operation, scale: float, zero_point: int) -> dict[str, int]:
        """Return the lowest and the highest code after the activation that is fused into an operation."""
        name = schema_name("ActivationFunctionType", operation.options.fusedActivationFunction)
        try:
            minimum, maximum = activation_range(name, scale, zero_point)
        except KeyError as error:
            raise _UnsupportedError(f"the activation {name}") from error
        return {"minimum": minimum, "maximum": maximum}

    @staticmethod
    def _operands(operation: Operation) -> tuple[Tensor, Tensor, Tensor]:
        """Return the operand that has the shape of the output, the one that is repeated over it, and the output."""
        output = operation.outputs[0]
        a, b = sorted(operation.inputs, key=lambda tensor: -count(tensor.shape))
        repeated = tuple(b.shape)
        while repeated[:1] == (1,):
            repeated = repeated[1:]
        if a.is_constant or a.shape != output.shape or repeated != tuple(a.shape)[len(a.shape) - len(repeated) :]:
            raise _UnsupportedError(f"the shapes {a.shape} and {b.shape}")
        return a, b, output

    @staticmethod
    def _three(operation: Operation) -> tuple[Tensor, Tensor, Tensor]:
        return operation.inputs[0], operation.inputs[1], operation.outputs[0]

    @staticmethod
    def _scale(tensor: Tensor) -> tuple[float, int]:
        if len(tensor.scales) != 1:
            raise _UnsupportedError("a tensor that has not one scale")
        return tensor.scales[0], tensor.zero_points[0]

    def _same_scale(self, tensor: Tensor, output: Tensor) -> tuple[float, int]:
        if self._scale(tensor) != self._scale(output):
            raise _UnsupportedError("an output of another scale")
        return self._scale(tensor)


_OPERATIONS: dict[str, Any] = {
    "CONV_2D": _Writer.convolution,
    "DEPTHWISE_CONV_2D": _Writer.depthwise,
    "FULLY_CONNECTED": _Writer.dense,
    "MAX_POOL_2D": _Writer.pooling,
    "AVERAGE_POOL_2D": _Writer.pooling,
    "ADD": _Writer.addition,
    "MUL": _Writer.multiplication,
    "MEAN": _Writer.averaging,
    "QUANTIZE": _Writer.rescaling,
    "RELU": _Writer.rescaling,
    "RELU6": _Writer.rescaling,
    "PAD": _Writer.padding,
    "SOFTMAX": _Writer.softmax,
    "CONCATENATION": _Writer.concatenation,
    **dict.fromkeys(RESHAPES, _Writer.reshape),
}
