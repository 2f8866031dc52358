"""The constants of int8 arithmetic, as TensorFlow Lite computes them when it prepares a graph.

The formulas are those of `quantization_util.cc` and `kernel_util.cc` in TensorFlow Lite's kernels.
"""

from __future__ import annotations

import math

#: Bits before the binary point of the exponential's argument in `reference_ops::Softmax`.
_SOFTMAX_INTEGER_BITS = 5
#: Bits by which ADD scales its inputs up, to keep their precision.
ADDITION_SHIFT = 20


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return a multiplier of 31 bits and a shift with `real = multiplier * 2 ** (shift - 31)`.

    Args:
        real: at least 0.
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = _round(fraction * 2**31)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    # Such a multiplier shifts every bit out.
    return (0, 0) if shift < -31 else (multiplier, shift)


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """Return the multiplier and the shift for a mean over `count` values, from that of their sum."""
    multiplier, shift = quantize_multiplier(real)
    more = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << more) // count, shift - more


def softmax_constants(beta: float, scale: float) -> tuple[int, int, int]:
    """Return the multiplier, the left shift, and the smallest difference from the maximum that counts."""
    real = min(beta * scale * 2 ** (31 - _SOFTMAX_INTEGER_BITS), 2**31 - 1.0)
    multiplier, shift = quantize_multiplier(real)
    radius = (2**_SOFTMAX_INTEGER_BITS - 1) * 2 ** (31 - _SOFTMAX_INTEGER_BITS) / 2**shift
    return multiplier, shift, -math.floor(radius)


def activation_range(name: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Return the lowest and the highest int8 code of an output after its fused activation.

    Args:
        name: of the activation in the schema, such as `RELU6`.
        scale: of the output.
        zero_point: of the output.

    Raises:
        KeyError: int8 has no such activation.
    """
    low, high = _ACTIVATIONS[name]
    lowest = -128 if low is None else max(-128, zero_point + _round(low / scale))
    highest = 127 if high is None else min(127, zero_point + _round(high / scale))
    return lowest, highest


_ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def _round(value: float) -> int:
    """Round to nearest, ties away from zero, as C's `round`."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)
