"""A traced run of a graph: the value of every tensor between input and output, as real numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError, first_line
from edge.inference.contract import dequantize, quantize
from edge.inference.flatbuffer import Graph, Tensor
from edge.system.native_logs import quiet_stderr


class Trace:
    """An interpreter that keeps every intermediate tensor. It is slower than a plain one: nothing is fused.

    Args:
        content: the flatbuffer.
        name: the model's name in error messages.

    Raises:
        ModelError: LiteRT cannot load the graph.
    """

    def __init__(self, content: bytes, name: str) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.graph = Graph(content, name)
        with quiet_stderr(), warnings.catch_warnings():
            # It warns that keeping all tensors takes more memory, which is intended here.
            warnings.simplefilter("ignore", UserWarning)
            try:
                self._interpreter = Interpreter(
                    model_content=content,
                    experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                    experimental_preserve_all_tensors=True,
                    num_threads=2,
                )
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise ModelError(f"LiteRT cannot run {name}: {first_line(error)}") from error

    def run(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """Run the graph.

        Args:
            inputs: real-valued inputs, float32 with the batch dimension, in the graph's order.
        """
        for tensor, values in zip(self.graph.inputs, inputs, strict=True):
            if tensor.scales:
                values = quantize(values, tensor.scales[0], tensor.zero_points[0], tensor.dtype.lower())
            self._interpreter.set_tensor(tensor.index, values)
        self._interpreter.invoke()

    def value(self, tensor: Tensor) -> npt.NDArray[np.float32]:
        """Return what a computed tensor holds after the last run, as real numbers, float32."""
        codes = self._interpreter.get_tensor(tensor.index)
        if not tensor.scales:
            return np.asarray(codes, np.float32)
        return dequantize(codes, tensor.scales[0], tensor.zero_points[0])

    def computed(self) -> list[Tensor]:
        """Return the real-valued tensors that a run fills, inputs included, in the order of computation."""
        found: dict[int, Tensor] = {tensor.index: tensor for tensor in self.graph.inputs}
        for operation in self.graph.operations:
            found |= {tensor.index: tensor for tensor in operation.outputs}
        return [tensor for tensor in found.values() if tensor.is_float or tensor.scales]
