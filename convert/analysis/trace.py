"""A graph run step by step: the value of every tensor between input and output, as real numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from edge.errors import ModelError
from edge.inference.contract import dequantize, quantize
from edge.inference.flatbuffer import Graph, Tensor
from edge.system.native_logs import quiet_stderr


class Trace:
    """An interpreter that keeps what lies between the layers. Slower than a plain one: nothing is fused away.

    Args:
        content: the flatbuffer.
        name: what errors call it.

    Raises:
        ModelError: LiteRT refuses it.
    """

    def __init__(self, content: bytes, name: str) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.graph = Graph(content, name)
        with quiet_stderr(), warnings.catch_warnings():
            # That it needs more memory is what we want.
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
                first_line = (str(error).splitlines() or ["no reason given"])[0].strip()
                raise ModelError(f"LiteRT cannot run {name}: {first_line}") from error

    def run(self, inputs: Sequence[np.ndarray]) -> None:
        """Feed real-valued inputs, float32 with the batch dimension, in the graph's order."""
        for tensor, values in zip(self.graph.inputs, inputs, strict=True):
            if tensor.scales:
                values = quantize(values, tensor.scales[0], tensor.zero_points[0], tensor.dtype.lower())
            self._interpreter.set_tensor(tensor.index, values)
        self._interpreter.invoke()

    def value(self, tensor: Tensor) -> np.ndarray:
        """What a computed tensor now holds, as real numbers, float32."""
        codes = self._interpreter.get_tensor(tensor.index)
        if not tensor.scales:
            return np.asarray(codes, np.float32)
        return dequantize(codes, tensor.scales[0], tensor.zero_points[0])

    def computed(self) -> list[Tensor]:
        """The float tensors that a run fills, inputs included, in the order of computation."""
        seen: dict[int, Tensor] = {tensor.index: tensor for tensor in self.graph.inputs}
        for operation in self.graph.operations:
            seen |= {tensor.index: tensor for tensor in operation.outputs}
        return [tensor for tensor in seen.values() if tensor.is_float or tensor.scales]
