"""The padding SAME of TensorFlow Lite."""

from __future__ import annotations


def same_padding(size: int, output: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the number of rows or columns before the first and behind the last, with the padding SAME."""
    total = max(0, (output - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2
