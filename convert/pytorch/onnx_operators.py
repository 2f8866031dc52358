"""The operators of ONNX that classifiers of faces are made of, in PyTorch.

Each function takes a node's inputs (None for one that is left out) and its attributes, and returns its first output, or
a tuple of all. Its semantics are those of the ONNX standard's Operators.md; whatever they miss is found by the
comparison of every converted network with ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as functional

from edge.errors import ModelError

Tensor = Any
Attributes = dict[str, Any]


def _ints(value: Any) -> list[int]:
    """Return the numbers in an attribute or in a constant tensor."""
    return [int(v) for v in (value.flatten().tolist() if isinstance(value, torch.Tensor) else value)]


def _sides(pads: Sequence[int]) -> list[int]:
    """Return ONNX's pads, all beginnings and then all ends, as PyTorch has them: by dimension, the last one first."""
    n = len(pads) // 2
    return [side for i in reversed(range(n)) for side in (pads[i], pads[n + i])]


def _padded(x: Tensor, attributes: Attributes, kernel: Sequence[int], fill: float = 0.0) -> Tensor:
    """Return an image with what a convolution or pooling adds at its sides."""
    n = len(kernel)
    strides = attributes.get("strides", [1] * n)
    dilations = attributes.get("dilations", [1] * n)
    pads = attributes.get("pads", [0] * 2 * n)
    how = attributes.get("auto_pad", "NOTSET")
    if how in ("SAME_UPPER", "SAME_LOWER"):
        pads = [0] * 2 * n
        for i, size in enumerate(x.shape[2:]):
            needed = max((-(-size // strides[i]) - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size, 0)
            first = needed // 2 if how == "SAME_UPPER" else -(-needed // 2)
            pads[i], pads[n + i] = first, needed - first
    if not any(pads):
        return x
    return functional.pad(x, _sides(pads), value=fill)


def _conv(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    if weight.ndim != 4:
        raise ModelError(f"a convolution has the kernel {list(weight.shape)}: expected one over two dimensions")
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    x = _padded(x, attributes, weight.shape[2:])
    return functional.conv2d(x, weight, bias, strides, 0, dilations, attributes.get("group", 1))


def _max_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    kernel, ceil = attributes["kernel_shape"], bool(attributes.get("ceil_mode", 0))
    x = _padded(inputs[0], attributes, kernel, float("-inf"))
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return functional.max_pool2d(x, kernel, strides, 0, dilations, ceil)


def _average_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    ceil, x = bool(attributes.get("ceil_mode", 0)), inputs[0]
    if attributes.get("count_include_pad", 0):
        return functional.avg_pool2d(_padded(x, attributes, kernel), kernel, strides, 0, ceil)
    sums = functional.avg_pool2d(_padded(x, attributes, kernel), kernel, strides, 0, ceil)
    # The share of each window that is inside the image.
    inside = functional.avg_pool2d(_padded(torch.ones_like(x[:1, :1]), attributes, kernel), kernel, strides, 0, ceil)
    return sums / inside


def _batch_normalization(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, bias, mean, variance = inputs[:5]
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def _gemm(inputs: list[Any], attributes: Attributes) -> Tensor:
    a, b, c = (*inputs, None)[:3]
    a = a.transpose(0, 1) if attributes.get("transA") else a
    b = b.transpose(0, 1) if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _flatten(inputs: list[Any], attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", 1) % (inputs[0].ndim + 1)
    return inputs[0].reshape(inputs[0].shape[:axis].numel(), -1)


def _reshape(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, shape = inputs[0], _ints(inputs[1])
    if not attributes.get("allowzero", 0):
        shape = [x.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return x.reshape(shape)


def _squeeze(inputs: list[Any], attributes: Attributes) -> Tensor:
    axes = _axes(inputs, attributes)
    return inputs[0].squeeze() if axes is None else inputs[0].squeeze(tuple(axes))


def _unsqueeze(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, axes = inputs[0], _axes(inputs, attributes) or []
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _axes(inputs: list[Any], attributes: Attributes) -> list[int] | None:
    """Return the axes, which older versions have as an attribute and newer ones as an input."""
    if len(inputs) > 1 and inputs[1] is not None:
        return _ints(inputs[1])
    return _ints(attributes["axes"]) if "axes" in attributes else None


def _reduce(function: Callable[..., Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    def operator(inputs: list[Any], attributes: Attributes) -> Tensor:
        axes = _axes(inputs, attributes)
        axes = list(range(inputs[0].ndim)) if axes is None else axes
        return function(inputs[0], dim=axes, keepdim=bool(attributes.get("keepdims", 1)))

    return operator


def _clip(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, low, high = (*inputs, None, None)[:3]
    low = attributes.get("min") if low is None else float(low)
    high = attributes.get("max") if high is None else float(high)
    return torch.clamp(x, low, high)


def _pad(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, pads = inputs[0], _ints(inputs[1] if len(inputs) > 1 else attributes["pads"])
    fill = float(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else float(attributes.get("value", 0.0))
    mode = attributes.get("mode", "constant")
    sides = _sides(pads)
    if mode == "constant":
        return functional.pad(x, sides, value=fill)
    while sides[-2:] == [0, 0]:
        # The other modes are defined for the last dimensions only.
        sides = sides[:-2]
    return functional.pad(x, sides, mode={"reflect": "reflect", "edge": "replicate"}[mode])


def _slice(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, starts, ends = inputs[0], *(_ints(value) for value in inputs[1:3])
    axes = _ints(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
    steps = _ints(inputs[4]) if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, min(end, x.shape[axis]), step)
    return x[tuple(index)]


def _split(inputs: list[Any], attributes: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], attributes.get("axis", 0)
    sizes = _ints(inputs[1]) if len(inputs) > 1 and inputs[1] is not None else attributes.get("split")
    if sizes is None:
        sizes = -(-x.shape[axis] // attributes["num_outputs"])
    return tuple(torch.split(x, sizes, dim=axis))


def _softmax(function: Callable[..., Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    return lambda inputs, attributes: function(inputs[0], dim=attributes.get("axis", -1))


def _layer_normalization(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, bias = (*inputs, None)[:3]
    axis = attributes.get("axis", -1) % x.ndim
    return functional.layer_norm(x, x.shape[axis:], scale, bias, attributes.get("epsilon", 1e-5))


def _instance_normalization(inputs: list[Any], attributes: Attributes) -> Tensor:
    return functional.instance_norm(inputs[0], weight=inputs[1], bias=inputs[2], eps=attributes.get("epsilon", 1e-5))


def _gelu(inputs: list[Any], attributes: Attributes) -> Tensor:
    return functional.gelu(inputs[0], approximate=attributes.get("approximate", "none"))


def _prelu(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, slope = inputs[:2]
    return torch.where(x >= 0, x, x * slope)


def _hard_sigmoid(inputs: list[Any], attributes: Attributes) -> Tensor:
    # By ReLU6, which is faster in int8 than a clamp to other bounds.
    scaled = inputs[0] * (6 * attributes.get("alpha", 0.2)) + 6 * attributes.get("beta", 0.5)
    return functional.relu6(scaled) / 6


def _gather(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, positions = inputs[:2]
    axis = attributes.get("axis", 0) % x.ndim
    chosen = x.index_select(axis, positions.flatten())
    return chosen.reshape(*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :])


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    return lambda inputs, attributes: function(inputs[0])


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    return lambda inputs, attributes: function(inputs[0], inputs[1])


OPERATORS: dict[str, Callable[[list[Any], Attributes], Any]] = {
    "Abs": _unary(torch.abs),
    "Add": _binary(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": lambda inputs, attributes: torch.cat(inputs, dim=attributes["axis"]),
    "Conv": _conv,
    "Div": _binary(torch.div),
    "Dropout": _unary(lambda x: x),
    "Elu": lambda inputs, attributes: functional.elu(inputs[0], attributes.get("alpha", 1.0)),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _unary(lambda x: x.mean(dim=(2, 3), keepdim=True)),
    "GlobalMaxPool": _unary(lambda x: x.amax(dim=(2, 3), keepdim=True)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(functional.hardswish),
    "Identity": _unary(lambda x: x),
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": lambda inputs, attributes: functional.leaky_relu(inputs[0], attributes.get("alpha", 0.01)),
    "Log": _unary(torch.log),
    "LogSoftmax": _softmax(torch.log_softmax),
    "MatMul": _binary(torch.matmul),
    "Max": _binary(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _binary(torch.minimum),
    "Mish": _unary(functional.mish),
    "Mul": _binary(torch.mul),
    "Neg": _unary(torch.neg),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _binary(torch.pow),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _unary(torch.relu),
    "Reshape": _reshape,
    "Selu": _unary(torch.selu),
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax(torch.softmax),
    "Softplus": _unary(functional.softplus),
    "Split": _split,
    "Sqrt": _unary(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(torch.sub),
    "Tanh": _unary(torch.tanh),
    "Transpose": lambda inputs, attributes: inputs[0].permute(
        attributes.get("perm", list(reversed(range(inputs[0].ndim))))
    ),
    "Unsqueeze": _unsqueeze,
}
